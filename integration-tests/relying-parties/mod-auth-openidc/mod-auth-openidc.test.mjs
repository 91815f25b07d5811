// A site behind Apache, walked through by a citizen, and its API called by a program.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Example } from '../example.mjs';
import { Apache } from './apache.mjs';

const here = new URL('./', import.meta.url);

describe('mod_auth_openidc (Apache)', () => {
  const apache = new Apache();
  let portal;
  let citizen;

  before(async () => {
    portal = await Example.start(here, 'mod-auth-openidc-example');
    await apache.run(portal);
    citizen = portal.citizen();
  });
  after(async () => {
    await portal?.stop();
    apache.remove();
  });

  /** What the page says to somebody with this browser; a redirect is not followed. */
  const look = (who, path) => who.send('GET', portal.url + path);

  it('shows open pages to anybody, and protected ones to nobody', async () => {
    assert.equal((await look(citizen, '/')).status, 200);
    const asked = await look(citizen, '/protected/');
    assert.equal(asked.to?.origin, portal.issuer);
    assert.equal(asked.to.searchParams.get('code_challenge_method'), 'S256');
  });

  it('signs a person in and hands the claims to the page', async () => {
    const page = await portal.visit(citizen, '/protected/');
    assert.equal(page.status, 200, page.text + apache.log);
    assert.ok(page.text.includes(`Hello ${citizen.person.name}.`), page.text);
    assert.match(page.text, /urn:dinhdanh:acr:1/);
    assert.equal((await look(citizen, '/protected/')).status, 200, 'the session is kept');
  });

  it('sends somebody who signed in too weakly to do the rest', async () => {
    const page = await portal.visit(citizen, '/strong/');
    assert.equal(page.status, 200, page.text + apache.log);
    assert.match(page.text, /urn:dinhdanh:acr:2/);
  });

  it('signs out here and at the provider', async () => {
    const link = /href="([^"]*logout[^"]*)"/.exec((await look(citizen, '/protected/')).text)[1];
    const back = await portal.visit(citizen, link);
    assert.equal(back.url?.href, `${portal.url}/`, back.text);
    assert.equal((await look(citizen, '/protected/')).to?.origin, portal.issuer);
    const asked = await citizen.walk(`${(await look(citizen, '/protected/')).to}&prompt=none`);
    assert.equal(asked.url?.searchParams.get('error'), 'login_required');
  });

  it('is told when the session ends at the provider', async () => {
    const minh = portal.citizen('Tran Van Minh');
    await portal.visit(minh, '/protected/');
    assert.equal((await look(minh, '/protected/')).status, 200);
    await portal.endAtProvider(minh);
    await portal.until('Apache forgets the session', async () => (await look(minh, '/protected/')).status !== 200);
    assert.equal((await look(minh, '/protected/')).to?.origin, portal.issuer);
  });

  describe('bearer tokens, checked by introspection', () => {
    const call = async (token) => {
      const headers = token ? { authorization: `Bearer ${token}` } : {};
      return fetch(`${portal.url}/api/`, { headers, redirect: 'manual' });
    };
    const post = (path, client, fields) => fetch(new URL(path, portal.issuer), {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}` },
      body: new URLSearchParams(fields),
    });
    const tokenOf = async (client, scope) => {
      const answer = await post('/token', client, { grant_type: 'client_credentials', scope });
      return (await answer.json()).access_token;
    };
    let caller;
    before(async () => {
      const metadata = JSON.parse(readFileSync(new URL('caller.json', here), 'utf8'));
      caller = await portal.register('mod-auth-openidc-caller', metadata);
    });

    it('lets a token for this site in, and refuses it from the moment it is revoked', async () => {
      const token = await tokenOf(caller, 'report search');
      const answer = await call(token);
      assert.equal(answer.status, 200, apache.log);
      assert.equal((await answer.json()).report, '42 applications');
      await post('/revoke', caller, { token });
      assert.equal((await call(token)).status, 401);
    });

    it('f7_refuses_a_token_that_is_for_somebody_else_and_none_at_all', async () => {
      const stranger = portal.demo.client('test-es256');
      const token = await tokenOf(stranger, 'report');
      assert.ok(token);
      for (const wrong of [token, 'nonsense', null]) assert.equal((await call(wrong)).status, 401);
    });
  });
});

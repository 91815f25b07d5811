// The Spring Boot portal, walked through by a citizen, and its API called by a program.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Example } from '../example.mjs';

const here = new URL('./', import.meta.url);

describe('Spring Security (Spring Boot)', () => {
  let portal;
  let citizen;

  before(async () => {
    portal = await Example.start(here, 'spring-security-example');
    // Little memory and the quick compiler only: the program lives for seconds.
    await portal.run('java', ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-jar', process.env.SPRING_JAR]);
    citizen = portal.citizen();
  });
  after(() => portal?.stop());

  const look = (who, path) => who.send('GET', portal.url + path);

  it('shows open pages to anybody, and others only after a sign-in', async () => {
    assert.equal((await look(citizen, '/')).status, 200);
    assert.equal((await look(citizen, '/me')).status, 302);
  });

  it('signs a person in, and knows name and levels', async () => {
    const page = await portal.visit(citizen, '/me');
    assert.equal(page.status, 200, page.text + portal.log);
    const person = JSON.parse(page.text);
    assert.equal(person.name, citizen.person.name);
    assert.equal(person.acr, `urn:dinhdanh:acr:${person.authentication_level}`);
    assert.equal((await look(citizen, '/me')).status, 200, 'the session is kept');
  });

  it('signs out here and at the provider', async () => {
    const form = await look(citizen, '/logout');
    const token = /name="_csrf"[^>]*value="([^"]+)"/.exec(form.text)?.[1];
    const away = await citizen.send('POST', `${portal.url}/logout`, { _csrf: token });
    assert.equal(away.to?.origin, portal.issuer, away.text);
    const back = await portal.visit(citizen, away.to);
    assert.equal(back.url.href, `${portal.url}/`);
    assert.equal((await look(citizen, '/me')).status, 302);
    const asked = await look(citizen, '/oauth2/authorization/dinhdanh');
    assert.equal(asked.to.searchParams.get('code_challenge_method'), 'S256');
    const answer = await citizen.walk(`${asked.to}&prompt=none`);
    assert.equal(answer.url.searchParams.get('error'), 'login_required');
  });

  it('is told when the session ends at the provider', async () => {
    const minh = portal.citizen('Tran Van Minh');
    assert.equal((await portal.visit(minh, '/me')).status, 200);
    await portal.endAtProvider(minh);
    await portal.until('Spring forgets the session', async () => (await look(minh, '/me')).status === 302);
  });

  describe('as a resource server: access tokens checked by their signature', () => {
    const call = (token) => {
      const headers = token ? { authorization: `Bearer ${token}` } : {};
      return fetch(`${portal.url}/api/report`, { headers, redirect: 'manual' });
    };
    const tokenOf = async (client, scope) => {
      const answer = await fetch(new URL('/token', portal.issuer), {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
      });
      return (await answer.json()).access_token;
    };
    let caller;
    before(async () => {
      const metadata = JSON.parse(readFileSync(new URL('caller.json', here), 'utf8'));
      caller = await portal.register('spring-security-caller', metadata);
    });

    it('lets a token for this API in', async () => {
      const answer = await call(await tokenOf(caller, 'report'));
      assert.equal(answer.status, 200, `${answer.headers.get('www-authenticate')}\n${portal.log}`);
      assert.deepEqual(await answer.json(), { report: '42 applications', for: 'spring-security-caller' });
    });

    it('h2_refuses_a_token_without_the_scope', async () => {
      assert.equal((await call(await tokenOf(caller, 'search'))).status, 403);
    });

    it('f7_refuses_a_token_that_is_for_somebody_else_and_none_at_all', async () => {
      const token = await tokenOf(portal.demo.client('test-es256'), 'report');
      assert.ok(token);
      for (const wrong of [token, 'nonsense', null]) assert.equal((await call(wrong)).status, 401);
    });
  });
});

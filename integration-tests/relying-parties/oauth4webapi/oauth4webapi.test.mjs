// The oauth4webapi portal, walked through by a citizen.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Example } from '../example.mjs';

const here = new URL('./', import.meta.url);
const program = fileURLToPath(new URL('portal.mjs', here));

describe('oauth4webapi (Node)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'oauth4webapi-'));
  const env = { KEY_FILE: join(folder, 'key.json') };
  let portal;
  let citizen;

  before(async () => {
    const newKey = execFileSync(process.execPath, [program, 'new-key'], { env: { ...process.env, ...env } });
    portal = await Example.start(here, 'oauth4webapi-example', { jwks: JSON.parse(newKey) });
    await portal.run(process.execPath, [program], { env });
    citizen = portal.citizen();
  });
  after(async () => {
    await portal?.stop();
    rmSync(folder, { recursive: true });
  });

  const get = async (path, who = citizen) => {
    const { status, text } = await who.send('GET', portal.url + path);
    return { status, ...JSON.parse(text) };
  };

  it('gets no secret: the client proves itself by its key', () => {
    assert.equal(portal.client.client_secret, undefined);
  });

  it('signs a person in, and knows name and levels', async () => {
    const page = await portal.visit(citizen, '/login');
    assert.equal(page.status, 200, page.text + portal.log);
    const person = JSON.parse(page.text);
    assert.equal(person.name, citizen.person.name);
    assert.equal(person.acr, `urn:dinhdanh:acr:${person.authentication_level}`);
  });

  it('refreshes, and the provider says the new token counts', async () => {
    const { sub } = await get('/');
    assert.equal((await get('/refresh')).sub, sub, portal.log);
    assert.equal((await get('/still')).active, true, portal.log);
  });

  it('asks for a stronger sign-in where a page needs it', async () => {
    const minh = portal.citizen('Tran Van Minh', { methods: ['password', 'sms'] });
    const page = await portal.visit(minh, '/login?level=2');
    assert.equal(JSON.parse(page.text).authentication_level, 2, page.text + portal.log);
  });

  it('is refused what nobody can reach, with the reason', async () => {
    const page = await portal.visit(citizen, '/login?level=4');
    assert.deepEqual([page.status, JSON.parse(page.text).error], [400, 'unmet_authentication_requirements']);
  });

  it('gives its access up: token and refresh token are dead', async () => {
    await portal.visit(citizen, '/login');
    assert.equal((await get('/revoke')).revoked, true, portal.log);
    assert.equal((await get('/still')).active, false, portal.log);
    assert.equal((await get('/refresh')).error, 'invalid_grant', portal.log);
  });

  it('gets a token of its own for calls between services', async () => {
    assert.equal((await get('/service')).scope, 'report', portal.log);
  });

  it('signs out here and at the provider', async () => {
    assert.equal((await get('/')).signed_in, true);
    const back = await portal.visit(citizen, '/logout');
    assert.equal(JSON.parse(back.text).signed_in, false, back.text);
    const asked = await citizen.walk(`${(await citizen.send('GET', `${portal.url}/login`)).to}&prompt=none`);
    assert.equal(asked.url.searchParams.get('error'), 'login_required');
  });

  it('c3_d1_takes_no_answer_with_another_state_or_issuer', async () => {
    const { to } = await citizen.send('GET', `${portal.url}/login`);
    const state = to.searchParams.get('state');
    for (const forged of [`state=x&code=x&iss=${portal.issuer}`, `state=${state}&code=x`, `state=${state}&code=x&iss=https://evil.example`]) {
      assert.equal((await get(`/callback?${forged}`)).status, 400);
    }
  });
});

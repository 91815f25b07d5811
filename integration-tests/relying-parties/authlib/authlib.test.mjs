// The Authlib portal, walked through by a citizen.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Example } from '../example.mjs';

const here = new URL('./', import.meta.url);
const python = process.env.AUTHLIB_PYTHON;

describe('Authlib (Flask)', () => {
  let portal;
  let citizen;

  before(async () => {
    portal = await Example.start(here, 'authlib-example');
    await portal.run(python, [fileURLToPath(new URL('portal.py', here))]);
    citizen = portal.citizen();
  });
  after(() => portal?.stop());

  const home = async (who) => JSON.parse((await who.send('GET', `${portal.url}/`)).text);

  it('signs a person in, and knows name and levels', async () => {
    const page = await portal.visit(citizen, '/login');
    assert.equal(page.status, 200, page.text);
    const person = JSON.parse(page.text);
    assert.equal(person.signed_in, true);
    assert.equal(person.name, citizen.person.name);
    assert.ok([1, 2].includes(person.identity_level));
    assert.equal(person.acr, `urn:dinhdanh:acr:${person.authentication_level}`);
  });

  it('refreshes, twice, with the newest token each time', async () => {
    const { sub } = await home(citizen);
    for (let time = 0; time < 2; time += 1) {
      const answer = await citizen.send('GET', `${portal.url}/refresh`);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(JSON.parse(answer.text).sub, sub);
    }
  });

  it('signs out here and at the provider', async () => {
    const back = await portal.visit(citizen, '/logout');
    assert.deepEqual(JSON.parse(back.text), { signed_in: false });
    const asked = await citizen.walk(`${(await citizen.send('GET', `${portal.url}/login`)).to}&prompt=none`);
    assert.equal(asked.url.searchParams.get('error'), 'login_required');
  });

  it('is told when the session ends at the provider', async () => {
    const minh = portal.citizen('Tran Van Minh');
    await portal.visit(minh, '/login');
    assert.equal((await home(minh)).signed_in, true);
    await portal.endAtProvider(minh);
    await portal.until('the portal forgets the session', async () => !(await home(minh)).signed_in);
  });

  it('takes no logout token but the provider’s', async () => {
    const body = new URLSearchParams({ logout_token: 'eyJhbGciOiJub25lIn0.e30.' });
    assert.equal((await fetch(`${portal.url}/backchannel-logout`, { method: 'POST', body })).status, 400);
  });

  it('says so when the person refuses', async () => {
    const unwilling = portal.citizen('Le Thi Bay', { consent: 'refuse' });
    const page = await portal.visit(unwilling, '/login');
    assert.equal(page.status, 403, page.text);
    assert.match(page.text, /access_denied/);
  });

  it('c3_d1_takes_no_answer_with_another_state_or_issuer', async () => {
    const request = await citizen.send('GET', `${portal.url}/login`);
    for (const forged of ['state=x&code=x', `state=${request.to.searchParams.get('state')}&code=x&iss=https://evil.example`]) {
      assert.equal((await citizen.send('GET', `${portal.url}/callback?${forged}`)).status, 400);
    }
  });
});

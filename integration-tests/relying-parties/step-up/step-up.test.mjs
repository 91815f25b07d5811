// An API asks for a stronger sign-in, and the person's way to it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Example } from '../example.mjs';
import { challenge, lacking } from './middleware.mjs';

const here = new URL('./', import.meta.url);
const acr = (level) => `urn:dinhdanh:acr:${level}`;

describe('the middleware (RFC 9470)', () => {
  it('lets through what suffices, and names what lacks', () => {
    const claims = { acr: acr(2), auth_time: 1_000 };
    assert.equal(lacking(claims, {}, 9_000), null);
    assert.equal(lacking(claims, { acr: acr(2), maxAge: 60 }, 1_060), null);
    assert.equal(lacking(claims, { acr: acr(1) }, 9_000), null);
    assert.deepEqual(lacking(claims, { acr: acr(3) }, 1_000), { acr_values: acr(3) });
    assert.deepEqual(lacking(claims, { acr: acr(3), maxAge: 0 }, 1_006), { acr_values: acr(3), max_age: '0' });
    assert.deepEqual(lacking({}, { acr: acr(1), maxAge: 60 }, 1_000), { acr_values: acr(1), max_age: '60' });
    assert.deepEqual(lacking({ acr: 'unknown' }, { acr: acr(1) }, 1_000), { acr_values: acr(1) });
  });

  it('challenges as section 3 says', () => {
    const told = challenge({ acr_values: acr(2), max_age: '60' });
    assert.match(told, /^Bearer error="insufficient_user_authentication", error_description="[^"]+", acr_values="urn:dinhdanh:acr:2", max_age="60"$/);
  });
});

describe('an API that asks for a stronger sign-in', () => {
  let portal;
  before(async () => {
    portal = await Example.start(here, 'step-up-example');
    await portal.run(process.execPath, [fileURLToPath(new URL('portal.mjs', here))]);
  });
  after(() => portal?.stop());

  it('is served at the level it needs, after the person adds a proof', async () => {
    const minh = portal.citizen('Tran Van Minh', { methods: ['sms', 'password'] });
    const list = await portal.visit(minh, '/list');
    assert.equal(list.status, 200, list.text + portal.log);
    assert.equal(JSON.parse(list.text).authentication_level, 1, 'one proof for a page that needs one');
    const file = await portal.visit(minh, '/file');
    assert.equal(file.status, 200, file.text + portal.log);
    assert.equal(JSON.parse(file.text).acr, acr(2));
    // The stronger token opens both.
    assert.equal(JSON.parse((await portal.visit(minh, '/list')).text).acr, acr(2));
  });
});

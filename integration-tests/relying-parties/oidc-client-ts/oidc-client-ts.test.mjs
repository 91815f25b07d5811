// The single-page app in a real browser: what it may call across origins, and what no script may.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CitizenAtBrowser } from '../../browser/citizen.mjs';
import { Visitor, launch } from '../../browser/harness.mjs';
import { personOf } from '../demo-info.mjs';
import { Example } from '../example.mjs';

const here = new URL('./', import.meta.url);

describe('oidc-client-ts (single-page app in Chromium)', () => {
  let portal;
  let browser;
  let visitor;
  let page;

  before(async () => {
    portal = await Example.start(here, 'oidc-client-ts-example');
    await portal.run(process.execPath, [fileURLToPath(new URL('server.mjs', here))]);
    browser = await launch();
    visitor = await Visitor.arrive(browser, { name: 'spa', issuer: portal.issuer, portals: [portal.url] });
    // The provider's pages are judged by the browser journeys.
    visitor.look = async () => {};
    ({ page } = visitor);
  });
  after(async () => {
    await browser?.close();
    await portal?.stop();
  });

  const state = (text) => page.waitForFunction((wanted) => document.querySelector('#state').textContent === wanted, text)
    .catch(async () => assert.fail(`the app says "${await page.textContent('#state')}", not "${text}"\n${visitor.problems.join('\n')}`));
  const person = async () => JSON.parse(await page.textContent('#person'));
  const endpoint = (path) => new URL(path, portal.issuer).href;
  /** Status of a script's request at the app's page; null where the browser keeps the answer from it. */
  const ask = (url, init) => page.evaluate(
    ([address, options]) => fetch(address, { redirect: 'manual', ...options }).then((answer) => answer.status, () => null),
    [url, init],
  );

  it('signs a person in: discovery, token and userinfo across origins', async () => {
    await visitor.open(portal.url);
    await state('signed out');
    await page.click('#login');
    await page.waitForURL((url) => url.origin === portal.issuer);
    const citizen = new CitizenAtBrowser(visitor, portal.demo, personOf(portal.demo.info, 'Nguyen Thi Hoa'));
    await citizen.walkTo(portal.url);
    await state('signed in');
    const { name, acr, authentication_level: level } = await person();
    assert.equal(name, citizen.person.name);
    assert.equal(acr, `urn:dinhdanh:acr:${level}`);
    assert.equal(new URL(page.url()).search, '', 'the code does not stay in the address');
  });

  it('refreshes without a page and without a frame', async () => {
    const { sub } = await person();
    for (let time = 0; time < 2; time += 1) {
      await page.click('#refresh');
      await state('signed in');
    }
    assert.equal((await person()).sub, sub);
    assert.equal(page.frames().length, 1);
  });

  it('reads the public documents, and the reason of a refusal', async () => {
    assert.equal(await ask(endpoint('/.well-known/openid-configuration')), 200);
    assert.equal(await ask(endpoint('/jwks'), { headers: { 'if-none-match': '"x"' } }), 200);
    assert.equal(await ask(endpoint('/userinfo'), { headers: { authorization: 'Bearer x' } }), 401);
  });

  it('calls neither authorize nor introspection nor pages', async () => {
    for (const path of ['/authorize?client_id=oidc-client-ts-example', '/introspect', '/logout', '/account', '/signin']) {
      assert.equal(await ask(endpoint(path), { mode: 'cors' }), null, path);
      assert.equal(await ask(endpoint(path), { method: 'POST', headers: { authorization: 'Bearer x' } }), null, path);
    }
    // Nor does anything go with the person's cookies.
    assert.equal(await ask(endpoint('/userinfo'), { credentials: 'include' }), null);
  });

  it('gives its access up', async () => {
    const token = await page.evaluate(() => JSON.parse(Object.values(sessionStorage).find((text) => text.includes('access_token'))).access_token);
    const headers = { authorization: `Bearer ${token}` };
    assert.equal(await ask(endpoint('/userinfo'), { headers }), 200);
    await page.click('#revoke');
    await state('access given up');
    assert.equal(await ask(endpoint('/userinfo'), { headers }), 401);
  });

  it('signs out at the provider and comes back', async () => {
    // Signed in at the provider still: no page asks anything.
    await page.click('#login');
    await state('signed in');
    await page.click('#logout');
    await page.waitForURL((url) => url.origin === portal.url || url.pathname.startsWith('/logout'));
    await new CitizenAtBrowser(visitor, portal.demo, personOf(portal.demo.info, 'Nguyen Thi Hoa')).walkTo(portal.url);
    await state('signed out');
    await page.click('#login');
    await page.waitForURL((url) => url.origin === portal.issuer && url.pathname.startsWith('/signin'));
  });

  it('another site’s script gets nothing', async () => {
    const stranger = await browser.newPage();
    await stranger.goto(`http://127.0.0.1:${portal.port}/`);
    for (const path of ['/token', '/userinfo', '/revoke']) {
      const read = stranger.evaluate((url) => fetch(url, { method: 'POST' }).then(() => 'read', () => 'kept'), endpoint(path));
      assert.equal(await read, 'kept', path);
    }
    await stranger.close();
  });
});

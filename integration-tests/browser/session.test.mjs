// What only a browser can tell: frames of portals that ask about the sign-in (Session Management 1.0), and frames that
// sign portals out (Front-Channel Logout 1.0).

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { startDemo } from '../lib/demo.mjs';
import { personOf, portalsOf } from '../relying-parties/demo-info.mjs';
import { CitizenAtBrowser } from './citizen.mjs';
import { launch, Visitor } from './harness.mjs';

const query = (members) => new URLSearchParams(members).toString();

describe('sessions', () => {
  let demo;
  let browser;
  /** A portal of our own: what was asked of it, and in which kind of place. */
  let portal;
  let client;
  const asked = [];
  const server = createServer((request, response) => {
    asked.push({ url: new URL(request.url, portal), place: request.headers['sec-fetch-dest'] });
    response.setHeader('content-type', 'text/html');
    const frame = request.url === '/frame' ? `<iframe id="op" src="${demo.info.issuer}/session/check"></iframe>` : '';
    response.end(`<!DOCTYPE html><html lang="en"><title>x</title><link rel="icon" href="data:,"><h1>x</h1>${frame}</html>`);
  });

  const signIn = async (name, who, options = {}) => {
    const about = { name, lang: 'vi', issuer: demo.info.issuer, portals: [...portalsOf(demo.info), portal], ...options };
    const visitor = await Visitor.arrive(browser, about);
    const citizen = new CitizenAtBrowser(visitor, demo, personOf(demo.info, who));
    await visitor.open(`${demo.info.issuer}/authorize?${query({
      client_id: client, response_type: 'code', scope: 'openid', redirect_uri: `${portal}/callback`, state: 's', nonce: 'n',
      code_challenge: 'A'.repeat(43), code_challenge_method: 'S256',
    })}`);
    await citizen.walkTo(portal);
    return { visitor, state: visitor.url.searchParams.get('session_state') };
  };

  before(async () => {
    demo = await startDemo({ env: { DINHDANH_REGISTRATION__MODE: 'open' } });
    browser = await launch();
    await new Promise((listening) => server.listen(0, 'localhost', listening));
    portal = `http://localhost:${server.address().port}`;
    const answer = await fetch(`${demo.info.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: 'Own',
        redirect_uris: [`${portal}/callback`],
        post_logout_redirect_uris: [`${portal}/bye`],
        frontchannel_logout_uri: `${portal}/out`,
        frontchannel_logout_session_required: true,
        token_endpoint_auth_method: 'none',
        id_token_signed_response_alg: 'ES256',
        scope: 'openid',
      }),
    });
    const registered = await answer.json();
    assert.equal(answer.status, 201, JSON.stringify(registered));
    client = registered.client_id;
  });

  after(async () => {
    await browser?.close();
    await demo?.stop();
    server.close();
  });

  it('a page of a portal sees that the sign-in is the same, and that it is over', async () => {
    const { visitor, state } = await signIn('frames', 'Nguyen Thi Hoa');
    const { page } = visitor;
    const { origin } = new URL(demo.info.issuer);
    assert.ok(state, visitor.url.search);
    const ask = async (message) => {
      await visitor.open(`${portal}/frame`);
      return page.evaluate(([text, to]) => new Promise((answered) => {
        addEventListener('message', (event) => answered([event.data, event.origin]), { once: true });
        setTimeout(() => answered('nothing'), 10_000);
        document.getElementById('op').contentWindow.postMessage(text, to);
      }), [message, origin]);
    };
    assert.deepEqual(await ask(`${client} ${state}`), ['unchanged', origin]);
    assert.deepEqual(await ask(`other ${state}`), ['changed', origin]);
    for (const nonsense of ['', client, `${client} x`, `${client} ${state} y`]) {
      assert.deepEqual(await ask(nonsense), ['error', origin], nonsense);
    }
    await visitor.open(`${demo.info.issuer}/account`);
    await visitor.press(page.locator('form[action="/logout/all"] button'));
    assert.deepEqual(await ask(`${client} ${state}`), ['changed', origin]);
    assert.deepEqual(visitor.problems, []);
  });

  for (const [javaScript, who] of [[true, 'Tran Van Minh'], [false, 'Le Thi Bay']]) {
    it(`a frame signs a portal out before the way back (${javaScript ? 'with' : 'without'} JavaScript)`, async () => {
      const { visitor } = await signIn(`out-${javaScript}`, who, { javaScript });
      asked.length = 0;
      const members = { client_id: client, post_logout_redirect_uri: `${portal}/bye`, state: 'b' };
      await visitor.open(`${demo.info.issuer}/logout?${query(members)}`);
      await visitor.press(visitor.page.locator('#sign-out'));
      await visitor.until(() => visitor.url.href === `${portal}/bye?state=b`, 'the browser did not go back');
      const told = asked.filter(({ url }) => url.pathname === '/out');
      assert.equal(told.length, 1);
      assert.equal(told[0].place, 'iframe');
      assert.equal(told[0].url.searchParams.get('iss'), demo.info.issuer);
      assert.match(told[0].url.searchParams.get('sid'), /^[0-9a-f-]{36}$/);
      assert.deepEqual(visitor.problems, []);
    });
  }
});

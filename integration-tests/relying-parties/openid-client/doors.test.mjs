// Every door of the provider through openid-client.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { decodeJwt, decodeProtectedHeader, generateKeyPair } from 'jose';
import * as oidc from 'openid-client';
import { Example } from '../example.mjs';
import * as ciba from './doors/ciba.mjs';
import * as device from './doors/device.mjs';
import * as encrypted from './doors/encrypted.mjs';
import * as mutualTls from './doors/mutual-tls.mjs';
import * as pushed from './doors/pushed-and-bound.mjs';
import * as signed from './doors/signed.mjs';
import { exchange } from './doors/token-exchange.mjs';
import { relyingParty } from './party.mjs';

let doors;
let hoa;
let callback;

before(async () => {
  doors = await Example.doors();
  callback = `${doors.url}/callback`;
  hoa = doors.citizen();
});
after(() => doors?.stop());

const refusal = (code) => (error) => {
  assert.equal(error.error ?? error.cause?.error, code, String(error.stack));
  return true;
};

/** The address that the provider sends the browser back to. */
const walk = async (url) => {
  const back = await hoa.walk(url);
  assert.equal(back.kind, 'redirect', JSON.stringify(back));
  return back.url;
};

const errorAt = async (url) => (await walk(url)).searchParams.get('error');

/** userinfo as whoever found a token would ask for it. */
const userinfo = async (tokens, scheme = 'Bearer') => {
  const headers = { authorization: `${scheme} ${tokens.access_token}` };
  return fetch(`${doors.issuer}/userinfo`, { headers });
};

describe('pushed requests and bound tokens (RFC 9126, RFC 9449)', () => {
  let config;
  let visit;
  let tokens;
  const seen = [];

  before(async () => {
    config = await pushed.register(doors.issuer, callback);
    config[oidc.customFetch] = async (url, options) => {
      const answer = await fetch(url, options);
      const body = answer.ok ? {} : await answer.clone().json();
      seen.push([new URL(url).pathname, answer.status, body.error]);
      return answer;
    };
  });

  it('signs in with nothing but a handle in the address', async () => {
    const begun = await pushed.begin(config, callback);
    visit = begun.visit;
    assert.deepEqual([...begun.url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
    tokens = await pushed.finish(config, await walk(begun.url), visit);
    assert.equal(tokens.token_type, 'dpop');
    assert.match(decodeJwt(tokens.access_token).cnf.jkt, /^[\w-]{43}$/);
  });

  it('was told the nonce once, and used it from then on', () => {
    const told = seen.filter(([, , error]) => error === 'use_dpop_nonce');
    assert.deepEqual(told, [['/par', 400, 'use_dpop_nonce']]);
  });

  it('gets the person, and new tokens, by the same key', async () => {
    assert.equal((await pushed.person(config, tokens, visit)).name, hoa.person.name);
    const newer = await pushed.refresh(config, tokens, visit);
    assert.deepEqual(decodeJwt(newer.access_token).cnf, decodeJwt(tokens.access_token).cnf);
    tokens = newer;
  });

  it('the token serves nobody without the key', async () => {
    for (const scheme of ['Bearer', 'DPoP']) assert.equal((await userinfo(tokens, scheme)).status, 401);
    const thief = { DPoP: oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256')) };
    await assert.rejects(pushed.person(config, tokens, thief), (error) => error.cause?.[0]?.parameters.error === 'invalid_token');
  });

  it('may take another key for new tokens: the portal has proved itself (RFC 9449 5)', async () => {
    const other = { DPoP: oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256')) };
    const newer = await pushed.refresh(config, tokens, other);
    assert.notDeepEqual(decodeJwt(newer.access_token).cnf, decodeJwt(tokens.access_token).cnf);
    assert.equal((await pushed.person(config, newer, other, tokens.claims())).name, hoa.person.name);
  });

  it('b1_a_code_serves_no_other_key', async () => {
    const begun = await pushed.begin(config, callback);
    const thief = { ...begun.visit, DPoP: oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256')) };
    await assert.rejects(pushed.finish(config, await walk(begun.url), thief), refusal('invalid_grant'));
  });

  it('an app without a secret gets a refresh token that is bound as well', async () => {
    const metadata = {
      client_name: 'App',
      redirect_uris: [callback],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
      dpop_bound_access_tokens: true,
      id_token_signed_response_alg: 'ES256',
      scope: 'openid profile offline_access',
    };
    const app = await oidc.dynamicClientRegistration(new URL(doors.issuer), metadata, oidc.None());
    const begun = await pushed.begin(app, callback);
    const own = await pushed.finish(app, await walk(begun.url), begun.visit);
    const thief = { DPoP: oidc.getDPoPHandle(app, await oidc.randomDPoPKeyPair('ES256')) };
    await assert.rejects(pushed.refresh(app, own, thief), refusal('invalid_grant'));
    assert.equal((await pushed.refresh(app, own, begun.visit)).token_type, 'dpop');
  });

  it('may not ask in the address', async () => {
    const parameters = { redirect_uri: callback, scope: 'openid', state: 'plain', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' };
    assert.equal(await errorAt(oidc.buildAuthorizationUrl(config, parameters)), 'invalid_request');
  });
});

describe('signed requests and answers (RFC 9101, JARM)', () => {
  let portal;
  before(async () => (portal = await signed.register(doors.issuer, callback)));

  for (const how of [{ pushed: false }, { pushed: true }]) {
    it(`signs in, ${how.pushed ? 'pushed' : 'in the address'}`, async () => {
      const { url, visit } = await signed.begin(portal, callback, how);
      const back = await walk(url);
      assert.deepEqual([...back.searchParams.keys()], ['response']);
      const tokens = await signed.finish(portal, back, visit);
      assert.equal(tokens.claims().nonce, visit.nonce);
    });
  }

  it('takes no answer that was changed on its way', async () => {
    const { url, visit } = await signed.begin(portal, callback);
    const back = await walk(url);
    const [head, body, signature] = back.searchParams.get('response').split('.');
    const changed = { ...JSON.parse(Buffer.from(body, 'base64url')), code: 'another' };
    back.searchParams.set('response', [head, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.'));
    await assert.rejects(signed.finish(portal, back, visit), { code: 'OAUTH_INVALID_RESPONSE' });
  });

  it('f5_may_not_ask_unsigned_nor_with_another_key', async () => {
    const { config } = portal;
    const parameters = { redirect_uri: callback, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' };
    const plain = oidc.buildAuthorizationUrl(config, parameters);
    const answer = decodeJwt((await walk(plain)).searchParams.get('response'));
    assert.equal(answer.error, 'invalid_request');
    assert.equal(answer.aud, config.clientMetadata().client_id);
    const stranger = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const forged = await oidc.buildAuthorizationUrlWithJAR(config, parameters, { key: stranger.privateKey, kid: portal.key.kid });
    assert.equal(await errorAt(forged), 'invalid_request_object');
  });
});

describe('encrypted answers (JWE)', () => {
  let config;
  let tokens;
  const seen = [];
  before(async () => {
    config = await encrypted.register(doors.issuer, callback);
    config[oidc.customFetch] = async (url, options) => {
      const answer = await fetch(url, options);
      seen.push([new URL(url).pathname, await answer.clone().text()]);
      return answer;
    };
  });
  /** What went over the wire last, at this address. */
  const wire = (path) => seen.findLast(([where]) => where === path)[1];
  const header = (jwt) => {
    const { alg, enc, cty } = decodeProtectedHeader(jwt);
    return { parts: jwt.split('.').length, alg, enc, cty };
  };
  const sealed = { parts: 5, alg: 'ECDH-ES+A256KW', enc: 'A256GCM', cty: 'JWT' };

  it('reads an ID token that nobody else can', async () => {
    const { url, visit } = await encrypted.begin(config, callback);
    tokens = await encrypted.finish(config, await walk(url), visit);
    assert.equal(tokens.claims().nonce, visit.nonce);
    assert.deepEqual(header(JSON.parse(wire('/token')).id_token), sealed);
  });

  it('reads userinfo and introspection answers too', async () => {
    const person = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
    assert.equal(person.name, hoa.person.name);
    assert.deepEqual(header(wire('/userinfo')), sealed);
    assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, true);
    assert.deepEqual(header(wire('/introspect')), sealed);
  });

  it('does not read what is for another key', async () => {
    const client = config.clientMetadata();
    const stranger = new oidc.Configuration(config.serverMetadata(), client.client_id, client, oidc.ClientSecretBasic(client.client_secret));
    const { privateKey } = await generateKeyPair('ECDH-ES+A256KW', { crv: 'P-256' });
    oidc.enableDecryptingResponses(stranger, ['A256GCM'], { key: privateKey });
    await assert.rejects(oidc.fetchUserInfo(stranger, tokens.access_token, tokens.claims().sub), { code: 'OAUTH_DECRYPTION_FAILED' });
  });
});

// The provider's interval is five seconds: they wait beside each other.
describe('devices (RFC 8628)', { concurrency: true }, () => {
  it('lets the screen in when the person has typed its code in', async () => {
    const config = await device.register(doors.issuer);
    const asked = await device.begin(config);
    const waiting = device.finish(config, asked);
    assert.equal((await hoa.walk(asked.verification_uri_complete)).kind, 'page');
    assert.equal(hoa.seen.at(-1), '/device/done');
    const tokens = await waiting;
    assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)).name, hoa.person.name);
    await assert.rejects(device.finish(config, { ...asked, interval: 0 }), refusal('invalid_grant'));
  });

  it('is told when the person says no', async () => {
    const config = await device.register(doors.issuer);
    const asked = await device.begin(config);
    const waiting = assert.rejects(device.finish(config, asked), refusal('access_denied'));
    await hoa.but({ consent: 'refuse' }).walk(asked.verification_uri_complete);
    await waiting;
  });
});

describe('asking by phone (CIBA)', { concurrency: true }, () => {
  it('gets tokens when the person has agreed', async () => {
    const config = await ciba.register(doors.issuer);
    const asked = await ciba.begin(config, hoa.person.number, 'GD-4711');
    await doors.answerCiba(asked.auth_req_id, 'allow');
    const tokens = await ciba.finish(config, asked);
    assert.equal(tokens.claims()['urn:openid:params:jwt:claim:auth_req_id'], asked.auth_req_id);
    await assert.rejects(ciba.finish(config, { ...asked, interval: 0 }), refusal('invalid_grant'));
  });

  it('is told when the person says no', async () => {
    const config = await ciba.register(doors.issuer);
    const asked = await ciba.begin(config, hoa.person.number, 'GD-4712');
    await doors.answerCiba(asked.auth_req_id, 'deny');
    await assert.rejects(ciba.finish(config, asked), refusal('access_denied'));
  });

  it('is told by a ping, and asks once', async () => {
    const [cert, key] = ['pem', 'key'].map((end) => readFileSync(join(process.env.CERTIFICATES, `server.${end}`)));
    const counter = createServer({ cert, key });
    counter.listen(0, 'localhost');
    await once(counter, 'listening');
    try {
      const config = await ciba.register(doors.issuer, `https://localhost:${counter.address().port}/told`);
      const secret = ciba.secret();
      const asked = await ciba.begin(config, hoa.person.number, 'GD-4714', secret);
      const pinged = once(counter, 'request');
      await doors.answerCiba(asked.auth_req_id, 'allow');
      const [request, response] = await pinged;
      const body = (await request.toArray()).join('');
      response.writeHead(204).end();
      assert.ok(ciba.isPing(asked, secret, request.headers, body), JSON.stringify([request.headers, body]));
      assert.ok((await ciba.fetchTokens(config, asked)).claims().sub);
    } finally {
      counter.close();
    }
  });

  it('may not write an address into the message', async () => {
    const config = await ciba.register(doors.issuer);
    await assert.rejects(ciba.begin(config, hoa.person.number, 'see http://evil.example'), refusal('invalid_binding_message'));
  });
});

describe('token exchange (RFC 8693)', () => {
  const archive = 'https://archive.example';
  let records;
  let portal;

  before(async () => {
    // Whose tokens a service may act with is agreed on with the operator; nobody registers that over the wire.
    portal = await party('exchange-portal', { redirect_uris: [callback], scope: 'openid read', audience: ['https://records.example', archive] });
    records = await party('exchange-records', {
      grant_types: ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
      token_exchange_clients: ['exchange-portal'],
      audience: ['https://records.example', archive],
      scope: 'read',
    });
  });

  const party = async (id, metadata) => {
    const all = { client_name: id, id_token_signed_response_alg: 'ES256', ...metadata };
    const { client_secret } = await doors.register(id, all);
    const shape = { alg: 'ES256', auth_method: 'client_secret_basic', redirect_uris: [callback] };
    return relyingParty(doors.issuer, { client_id: id, client_secret, ...shape });
  };

  const portalToken = () => portal.signIn(hoa, { scope: 'openid read' });

  it('acts for the person, and says who acts', async () => {
    const tokens = await portalToken();
    const answer = await exchange(records.config, tokens.access_token, archive, 'read');
    const claims = decodeJwt(answer.access_token);
    assert.equal(answer.issued_token_type, 'urn:ietf:params:oauth:token-type:access_token');
    assert.equal(claims.sub, tokens.claims().sub);
    assert.deepEqual(claims.act, { sub: 'exchange-records' });
    assert.deepEqual([claims.aud].flat(), [archive]);
    assert.ok(claims.exp <= decodeJwt(tokens.access_token).exp);
  });

  it('h1_never_more_than_the_person_gave_nor_where_nothing_was_agreed_on', async () => {
    const tokens = await portalToken();
    await assert.rejects(exchange(records.config, tokens.access_token, archive, 'read write'), refusal('invalid_scope'));
    await assert.rejects(exchange(records.config, tokens.access_token, 'https://elsewhere.example', 'read'), refusal('invalid_target'));
    await assert.rejects(exchange(records.config, tokens.id_token, archive, 'read'), refusal('invalid_request'));
    // Not even as "a JWT".
    const jwt = { subject_token: tokens.id_token, subject_token_type: 'urn:ietf:params:oauth:token-type:jwt', resource: archive };
    const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
    await assert.rejects(oidc.genericGrantRequest(records.config, grant, jwt), refusal('invalid_request'));
    await assert.rejects(exchange(portal.config, tokens.access_token, archive, 'read'), refusal('unauthorized_client'));
  });
});

describe('mutual TLS (RFC 8705)', () => {
  const certificate = (name) => ['pem', 'key'].map((end) => join(process.env.CERTIFICATES, `${name}.${end}`));
  let config;
  let tokens;

  before(async () => {
    const own = mutualTls.fetchWith(...certificate('portal'));
    config = await mutualTls.register(doors.issuer, callback, certificate('portal')[0], own);
  });

  it('signs in without a secret, and binds the tokens to the certificate', async () => {
    const { url, visit } = await mutualTls.begin(config, callback);
    tokens = await mutualTls.finish(config, await walk(url), visit);
    assert.match(decodeJwt(tokens.access_token).cnf['x5t#S256'], /^[\w-]{43}$/);
    assert.equal((await mutualTls.person(config, tokens)).sub, tokens.claims().sub);
  });

  it('the token serves nobody without the certificate', async () => {
    assert.equal((await userinfo(tokens)).status, 401);
    const other = mutualTls.fetchWith(...certificate('stranger'));
    const there = config.serverMetadata().mtls_endpoint_aliases.userinfo_endpoint;
    const headers = { authorization: `Bearer ${tokens.access_token}` };
    assert.equal((await other(there, { headers })).status, 401);
  });

  it('another certificate is another client', async () => {
    config[oidc.customFetch] = mutualTls.fetchWith(...certificate('stranger'));
    await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), refusal('invalid_client'));
    config[oidc.customFetch] = mutualTls.fetchWith(...certificate('portal'));
    assert.ok((await oidc.refreshTokenGrant(config, tokens.refresh_token)).access_token);
  });
});

// Every door of the provider through oauth4webapi, under the strictest profiles it has.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { UnsecuredJWT, decodeJwt, generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';
import { Example } from '../example.mjs';
import * as ciba from './doors/ciba.mjs';
import { discover, newKey } from './doors/common.mjs';
import * as device from './doors/device.mjs';
import * as encrypted from './doors/encrypted.mjs';
import * as fapi from './doors/fapi.mjs';
import * as mutualTls from './doors/mutual-tls.mjs';
import { service } from './doors/service.mjs';
import { exchange } from './doors/token-exchange.mjs';

const RECORDS = 'https://records.example/';
const ARCHIVE = 'https://archive.example/';

let doors;
let provider;
let hoa;
let callback;
/** Bound to the key of the portal. */
let portalTokens;

before(async () => {
  doors = await Example.doors();
  provider = await discover(doors.issuer);
  callback = 'https://portal.example/callback';
  hoa = doors.citizen();
});
after(() => doors?.stop());

const refusal = (code) => (error) => {
  assert.equal(error.error ?? error.cause?.error, code, String(error.stack));
  return true;
};

const walk = async (url) => {
  const back = await hoa.walk(url);
  assert.equal(back.kind, 'redirect', JSON.stringify(back));
  return back.url;
};

/** A client that the operator registered, as its program keeps it. */
const party = async (id, { metadata, key }) => {
  await doors.register(id, metadata);
  const client = { client_id: id, id_token_signed_response_alg: 'ES256' };
  return { provider, client, key, authentication: oauth.PrivateKeyJwt(key.sign) };
};

describe('FAPI 2.0 Message Signing: JAR, PAR, JARM, DPoP, private_key_jwt', () => {
  let portal;
  let visit;
  let tokens;
  const sharing = {
    claims: ['name'],
    purpose: { vi: 'Nhận hồ sơ', en: 'To receive applications' },
    legal_basis: 'Decree 118/2025/ND-CP',
    basis_kind: 'consent',
    term_days: 365,
  };

  before(async () => {
    const more = { scope: 'openid profile records:read', audience: [RECORDS], sharing };
    const { metadata, key } = await fapi.registration(callback, more);
    await doors.register('fapi-portal', metadata);
    portal = new fapi.Portal(provider, 'fapi-portal', key, callback);
  });

  const signIn = async () => {
    const begun = await portal.begin({ scope: 'openid profile records:read', resource: RECORDS });
    visit = begun.visit;
    tokens = await portal.finish(await walk(begun.url), visit);
    portalTokens = tokens;
  };

  it('signs in', async () => {
    await signIn();
    assert.equal(tokens.token_type, 'dpop');
    assert.equal((await portal.person(tokens, visit)).name, hoa.person.name);
  });

  it('refreshes; the refresh token stays as it is (FAPI 2.0 5.3.2.1)', async () => {
    const newer = await portal.refresh(tokens, visit);
    assert.ok(newer.refresh_token === undefined || newer.refresh_token === tokens.refresh_token);
    assert.notEqual(newer.access_token, tokens.access_token);
    assert.deepEqual(decodeJwt(newer.access_token).cnf, decodeJwt(tokens.access_token).cnf);
  });

  it('is refused a request that is not signed, or not pushed', async () => {
    const { client, authentication } = portal;
    const parameters = {
      client_id: client.client_id,
      redirect_uri: callback,
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    };
    const push = await oauth.pushedAuthorizationRequest(provider, client, authentication, parameters);
    await assert.rejects(oauth.processPushedAuthorizationResponse(provider, client, push), refusal('invalid_request'));
    const url = new URL(provider.authorization_endpoint);
    const request = await oauth.issueRequestObject(provider, client, parameters, portal.key.sign);
    url.search = new URLSearchParams({ client_id: client.client_id, request });
    const back = await hoa.walk(url);
    assert.ok(back.kind === 'page' || back.url.searchParams.has('error') || decodeJwt(back.url.searchParams.get('response')).error, JSON.stringify(back));
  });

  it('takes no answer that another server signed', async () => {
    const { url } = await portal.begin();
    const back = await walk(url);
    const parts = back.searchParams.get('response').split('.');
    back.searchParams.set('response', [parts[0], parts[1], parts[2].split('').reverse().join('')].join('.'));
    await assert.rejects(oauth.validateJwtAuthResponse(provider, portal.client, back, oauth.skipStateCheck), { code: 'OAUTH_INVALID_RESPONSE' });
  });

  describe('as a service that is called (RFC 9068, RFC 9449)', () => {
    const records = (request) => service(provider, RECORDS)(request);
    // The portal calls the service without a wire between.
    const at = (target) => ({ [oauth.customFetch]: (url, options) => target(new Request(url, options)) });
    const status = (call) => call.then((answer) => answer.status, (error) => error.status);

    before(signIn);

    it('lets a bound token in', async () => {
      const answer = await portal.call(tokens, RECORDS, visit, at(records));
      assert.deepEqual(await answer.json(), { for: oauth.getValidatedIdTokenClaims(tokens).sub, by: 'fapi-portal' });
    });

    it('refuses the token without its proof and with another key', async () => {
      const plain = new Request(RECORDS, { headers: { authorization: `Bearer ${tokens.access_token}` } });
      assert.equal((await records(plain)).status, 401);
      const thief = { DPoP: oauth.DPoP(portal.client, await oauth.generateKeyPair('ES256')) };
      assert.equal(await status(portal.call(tokens, RECORDS, thief, at(records))), 401);
    });

    it('f7_refuses_a_token_that_is_for_somebody_else', async () => {
      assert.equal(await status(portal.call(tokens, ARCHIVE, visit, at(service(provider, ARCHIVE)))), 401);
    });

  });
});

describe('token exchange (RFC 8693)', () => {
  let records;
  let gateway;

  before(async () => {
    const keys = [await newKey(), await newKey()];
    const common = { access_token_signed_response_alg: 'ES256', scope: 'records:read', token_endpoint_auth_method: 'private_key_jwt' };
    gateway = await party('gateway', {
      metadata: { ...common, client_name: 'Gateway', grant_types: ['client_credentials'], audience: [RECORDS, ARCHIVE], jwks: { keys: [keys[0].jwk] } },
      key: keys[0],
    });
    const grants = ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'];
    const rights = { grant_types: grants, token_exchange_clients: ['gateway', 'fapi-portal'], audience: [RECORDS, ARCHIVE] };
    records = await party('records', { metadata: { ...common, ...rights, client_name: 'Records', jwks: { keys: [keys[1].jwk] } }, key: keys[1] });
    records.DPoP = oauth.DPoP(records.client, await oauth.generateKeyPair('ES256'));
  });

  it('binds what it gives to the key of whoever acts', async () => {
    const response = await oauth.clientCredentialsGrantRequest(
      provider, gateway.client, gateway.authentication, { scope: 'records:read', resource: RECORDS },
    );
    const called = await oauth.processClientCredentialsResponse(provider, gateway.client, response);
    const answer = await exchange(records, called.access_token, ARCHIVE, 'records:read');
    assert.equal(answer.token_type, 'dpop');
    const send = () =>
      oauth.protectedResourceRequest(answer.access_token, 'GET', new URL(ARCHIVE), undefined, undefined, {
        DPoP: records.DPoP,
        [oauth.customFetch]: (url, options) => service(provider, ARCHIVE)(new Request(url, options)),
      });
    assert.deepEqual(await (await send()).json(), { for: 'gateway', by: 'records', act: { sub: 'records' } });
  });

  it('takes no token that is bound to a key which is not shown', async () => {
    assert.equal(portalTokens.token_type, 'dpop');
    await assert.rejects(exchange(records, portalTokens.access_token, ARCHIVE, 'records:read'), refusal('invalid_request'));
  });
});

describe('encrypted requests and answers (JWE), introspection by JWT (RFC 9701)', () => {
  let portal;
  let tokens;
  before(async () => (portal = new encrypted.Portal(provider, await encrypted.register(provider, callback), callback)));

  it('reads the answer and the ID token', async () => {
    const { url, visit } = await portal.begin();
    assert.equal(url.searchParams.get('request').split('.').length, 5);
    const back = await walk(url);
    assert.equal(back.searchParams.get('response').split('.').length, 5);
    tokens = await portal.finish(back, visit);
    assert.equal(tokens.id_token.split('.').length, 5);
    assert.equal(oauth.getValidatedIdTokenClaims(tokens).nonce, visit.nonce);
  });

  it('f5_is_refused_what_is_encrypted_and_not_signed', async () => {
    const { url } = await portal.begin();
    const claims = { iss: portal.client.client_id, aud: provider.issuer, redirect_uri: callback, response_type: 'code', scope: 'openid' };
    const unsigned = await encrypted.encryptTo(provider, new UnsecuredJWT(claims).encode());
    url.searchParams.set('request', unsigned);
    const back = await hoa.walk(url);
    assert.match(back.url?.searchParams.get('error') ?? '', /^(invalid_request_object|request_not_supported)$/, JSON.stringify(back));
  });

  it('reads userinfo, and what introspection says', async () => {
    assert.equal((await portal.person(tokens)).name, hoa.person.name);
    const told = await portal.ask(tokens);
    assert.deepEqual([told.active, told.client_id], [true, portal.client.client_id]);
  });

  it('does not read what is for another key', async () => {
    const { privateKey } = await generateKeyPair('ECDH-ES', { crv: 'P-256' });
    const sealed = { [oauth.jweDecrypt]: encrypted.decryptWith(privateKey) };
    const stranger = new encrypted.Portal(provider, { client: portal.client, sealed }, callback);
    await assert.rejects(stranger.person(tokens));
    await assert.rejects(stranger.ask(tokens));
  });
});

// The provider's interval is five seconds: they wait beside each other.
describe('devices (RFC 8628)', { concurrency: true }, () => {
  it('lets the reader in when the person has typed its code in', async () => {
    const client = await device.register(provider);
    const asked = await device.begin(provider, client);
    const waiting = device.finish(provider, client, asked);
    await hoa.walk(asked.verification_uri_complete);
    assert.equal(hoa.seen.at(-1), '/device/done');
    assert.ok(oauth.getValidatedIdTokenClaims(await waiting).sub);
    await assert.rejects(device.finish(provider, client, { ...asked, interval: 0 }), refusal('invalid_grant'));
  });

  it('is told when the person says no', async () => {
    const client = await device.register(provider);
    const asked = await device.begin(provider, client);
    const waiting = assert.rejects(device.finish(provider, client, asked), refusal('access_denied'));
    await hoa.but({ consent: 'refuse' }).walk(asked.verification_uri_complete);
    await waiting;
  });
});

describe('FAPI-CIBA', { concurrency: true }, () => {
  let bank;
  before(async () => (bank = await party('bank', await ciba.registration())));

  it('gets tokens when the person has agreed', async () => {
    const asked = await ciba.begin(bank, hoa.person.number, 'GD-4711');
    await doors.answerCiba(asked.auth_req_id, 'allow');
    const tokens = await ciba.finish(bank, asked);
    assert.equal(tokens.token_type, 'dpop');
    assert.equal(oauth.getValidatedIdTokenClaims(tokens)['urn:openid:params:jwt:claim:auth_req_id'], asked.auth_req_id);
  });

  it('is told when the person says no', async () => {
    const asked = await ciba.begin(bank, hoa.person.number, 'GD-4712');
    await doors.answerCiba(asked.auth_req_id, 'deny');
    await assert.rejects(ciba.finish(bank, asked), refusal('access_denied'));
  });

  it('may not ask unsigned', async () => {
    const parameters = { scope: 'openid', login_hint: hoa.person.number, binding_message: 'GD-4713' };
    const response = await oauth.backchannelAuthenticationRequest(provider, bank.client, bank.authentication, parameters);
    await assert.rejects(oauth.processBackchannelAuthenticationResponse(provider, bank.client, response), refusal('invalid_request'));
  });
});

describe('mutual TLS with a certificate of its own (RFC 8705 2.2)', () => {
  const certificate = (name) => ['pem', 'key'].map((end) => join(process.env.CERTIFICATES, `${name}.${end}`));
  const own = mutualTls.fetchWith(...certificate('portal'));
  let client;
  before(async () => (client = await mutualTls.register(provider, certificate('portal')[0])));

  it('gets a token that is bound to the certificate, and hears so', async () => {
    const { access_token } = await mutualTls.token(provider, client, own);
    const told = await mutualTls.ask(provider, client, own, access_token);
    assert.equal(told.active, true);
    assert.equal(told.cnf['x5t#S256'], decodeJwt(access_token).cnf['x5t#S256']);
  });

  it('another certificate is another client', async () => {
    const stranger = mutualTls.fetchWith(...certificate('stranger'));
    await assert.rejects(mutualTls.token(provider, client, stranger), refusal('invalid_client'));
  });
});

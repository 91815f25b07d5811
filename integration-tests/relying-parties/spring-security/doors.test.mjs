// The doors that Spring Security opens.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { decodeJwt, exportJWK, generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';
import { Example } from '../example.mjs';

const API = 'https://api.portal.example';
const ARCHIVE = 'https://archive.example';

describe('Spring Security: private_key_jwt, DPoP, mutual TLS, token exchange', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spring-doors-'));
  const certificates = process.env.CERTIFICATES;
  let doors;
  let hoa;
  let provider;

  before(async () => {
    doors = await Example.doors();
    hoa = doors.citizen();
    provider = await oauth.processDiscoveryResponse(new URL(doors.issuer), await oauth.discoveryRequest(new URL(doors.issuer)));
    const keys = { open: [], own: [] };
    for (const name of [{ kid: 'sign', alg: 'ES256', use: 'sig' }, { kid: 'open', alg: 'ECDH-ES+A256KW', use: 'enc' }]) {
      const { publicKey, privateKey } = await generateKeyPair(name.alg, { crv: 'P-256', extractable: true });
      keys.open.push({ ...(await exportJWK(publicKey)), ...name });
      keys.own.push({ ...(await exportJWK(privateKey)), ...name });
    }
    writeFileSync(join(folder, 'keys.json'), JSON.stringify({ keys: keys.own }), { mode: 0o600 });
    doors.client = await oauth.processDynamicClientRegistrationResponse(
      await oauth.dynamicClientRegistrationRequest(provider, {
        client_name: 'Spring Security without a secret',
        redirect_uris: [`${doors.url}/login/oauth2/code/dinhdanh`],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: keys.open },
        id_token_signed_response_alg: 'RS256',
        id_token_encrypted_response_alg: 'ECDH-ES+A256KW',
        id_token_encrypted_response_enc: 'A256GCM',
        scope: 'openid profile',
      }),
    );
    await doors.register('records', {
      client_name: 'The portal as a service',
      grant_types: ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
      token_exchange_clients: ['caller', 'bound-caller'],
      audience: [API, ARCHIVE],
      scope: 'report',
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_dns: 'portal.example',
    });
    await start();
  });
  after(async () => {
    await doors?.stop();
    rmSync(folder, { recursive: true });
  });

  /** Java has a trust store of its own. */
  const start = () => {
    const store = join(folder, 'trusted.p12');
    const authority = join(certificates, 'ca.pem');
    const trust = ['-importcert', '-noprompt', '-alias', 'tests', '-file', authority, '-keystore', store, '-storepass', 'changeit'];
    execFileSync('keytool', trust, { stdio: 'ignore' });
    const env = {
      PORTAL_KEYS: join(folder, 'keys.json'),
      CERTIFICATE: join(certificates, 'portal.pem'),
      CERTIFICATE_KEY: join(certificates, 'portal.key'),
      AUTHORITIES: authority,
      SERVICE_ID: 'records',
      MTLS: new URL(provider.mtls_endpoint_aliases.token_endpoint).origin,
    };
    const options = [`-Djavax.net.ssl.trustStore=${store}`, '-Djavax.net.ssl.trustStorePassword=changeit'];
    const quick = ['-Xmx256m', '-XX:TieredStopAtLevel=1'];
    return doors.run('java', [...quick, ...options, '-jar', process.env.SPRING_JAR, '--spring.profiles.active=doors'], { env });
  };

  /** A program that calls the API, with a token for it. */
  const caller = async (id, more, options) => {
    const { client_id, client_secret } = await doors.register(id, {
      client_name: id,
      grant_types: ['client_credentials'],
      access_token_signed_response_alg: 'ES256',
      scope: 'report',
      audience: [API, ARCHIVE],
      ...more,
    });
    const client = { client_id };
    const ask = async () => {
      const proof = oauth.ClientSecretBasic(client_secret);
      const response = await oauth.clientCredentialsGrantRequest(provider, client, proof, { resource: API }, options);
      return oauth.processClientCredentialsResponse(provider, client, response);
    };
    return ask().catch((error) => (oauth.isDPoPNonceError(error) ? ask() : Promise.reject(error)));
  };

  const bearer = (token, path = '/api/report') =>
    fetch(doors.url + path, { headers: { authorization: `Bearer ${token}` }, redirect: 'manual' });

  it('signs a person in by the portal’s key, with an encrypted ID token', async () => {
    const page = await doors.visit(hoa, '/me');
    assert.equal(page.status, 200, page.text + doors.log);
    assert.equal(JSON.parse(page.text).name, hoa.person.name);
  });

  it('calls the next service in the name of whoever called it', async () => {
    const { access_token } = await caller('caller');
    const answer = await bearer(access_token, '/api/archive');
    assert.equal(answer.status, 200, doors.log);
    const claims = decodeJwt((await answer.json()).token);
    assert.deepEqual([claims.sub, claims.act, claims.aud], ['caller', { sub: 'records' }, ARCHIVE]);
  });

  describe('tokens that are bound to a key', () => {
    const key = () => oauth.generateKeyPair('ES256');
    const call = (token, DPoP) => {
      const options = { DPoP, [oauth.allowInsecureRequests]: true };
      const calling = oauth.protectedResourceRequest(token, 'GET', new URL(`${doors.url}/api/report`), undefined, undefined, options);
      return calling.then((answer) => answer.status, (error) => error.status);
    };
    const DPoP = async () => oauth.DPoP({}, await key());
    let own;
    let token;
    before(async () => {
      own = await DPoP();
      token = (await caller('bound-caller', { dpop_bound_access_tokens: true }, { DPoP: own })).access_token;
    });

    it('come in with their proof', async () => assert.equal(await call(token, own), 200, doors.log));
    it('stay out with another key', async () => assert.equal(await call(token, await DPoP()), 401));
    it('stay out as bearer tokens', async () => assert.equal((await bearer(token)).status, 401));
  });
});

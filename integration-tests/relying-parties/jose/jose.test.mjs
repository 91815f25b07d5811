// Encryption as jose (npm) does it: what the provider seals opens there, and what is sealed there opens at the provider.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import {
  CompactEncrypt, SignJWT, compactDecrypt, createRemoteJWKSet, exportJWK, generateKeyPair, importJWK, jwtVerify,
} from 'jose';
import { Example } from '../example.mjs';

const here = new URL('./', import.meta.url);
const bytes = (text) => new TextEncoder().encode(text);
const text = (array) => new TextDecoder().decode(array);
const JWT = 'application/token-introspection+jwt';
const KEYS = {
  'ECDH-ES': { crv: 'P-256' },
  'ECDH-ES+A256KW': { crv: 'P-384' },
  'RSA-OAEP-256': { modulusLength: 2048 },
};

describe('jose (Node)', () => {
  let example;
  let metadata;
  let signs;

  before(async () => {
    signs = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(signs.publicKey)), kid: 'signs', use: 'sig', alg: 'ES256' };
    example = await Example.start(here, 'jose-example', { jwks: { keys: [jwk] } });
    metadata = await (await fetch(`${example.issuer}/.well-known/openid-configuration`)).json();
  });
  after(() => example?.stop());

  const post = async (endpoint, client, fields, headers = {}) => {
    const basic = Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64');
    const body = new URLSearchParams(fields);
    const answer = await fetch(endpoint, { method: 'POST', body, headers: { authorization: `Basic ${basic}`, ...headers } });
    return { status: answer.status, type: answer.headers.get('content-type'), body: await answer.text() };
  };

  for (const alg of Object.keys(KEYS)) {
    for (const enc of ['A128GCM', 'A256GCM', 'A128CBC-HS256']) {
      it(`opens an introspection answer sealed with ${alg} and ${enc}`, async () => {
        const { publicKey, privateKey } = await generateKeyPair(alg, { ...KEYS[alg], extractable: true });
        const id = `jose-${alg}-${enc}`.toLowerCase().replaceAll('+', '-');
        const client = await example.register(id, {
          client_name: 'An API',
          redirect_uris: [],
          grant_types: ['client_credentials'],
          token_endpoint_auth_method: 'client_secret_basic',
          scope: 'report',
          jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'reads', use: 'enc', alg }] },
          introspection_signed_response_alg: 'ES256',
          introspection_encrypted_response_alg: alg,
          introspection_encrypted_response_enc: enc,
        });
        const tokens = JSON.parse((await post(metadata.token_endpoint, client, { grant_type: 'client_credentials' })).body);
        const answer = await post(metadata.introspection_endpoint, client, { token: tokens.access_token }, { accept: JWT });
        assert.deepEqual([answer.status, answer.type], [200, JWT], answer.body);
        const { plaintext, protectedHeader } = await compactDecrypt(answer.body, privateKey);
        assert.deepEqual([protectedHeader.alg, protectedHeader.enc], [alg, enc]);
        assert.deepEqual([protectedHeader.cty, protectedHeader.kid], ['JWT', 'reads']);
        const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
        const checks = { issuer: example.issuer, audience: id, typ: 'token-introspection+jwt' };
        const { payload } = await jwtVerify(text(plaintext), keys, checks);
        assert.equal(payload.token_introspection.active, true);
        assert.deepEqual(Object.keys(payload).sort(), ['aud', 'iat', 'iss', 'token_introspection']);
      });
    }
  }

  it('seals requests to the keys that the provider offers', async () => {
    const { keys } = await (await fetch(metadata.jwks_uri)).json();
    const offered = keys.filter((key) => key.use === 'enc');
    const algorithms = offered.map((key) => key.alg).sort();
    assert.deepEqual(algorithms, [...metadata.request_object_encryption_alg_values_supported].sort());
    assert.deepEqual(algorithms, ['ECDH-ES', 'RSA-OAEP-256']);
    // Says beforehand how it encrypts: a client that did not is refused RSA.
    const shape = JSON.parse(await readFile(new URL('client.json', here), 'utf8'));
    const own = { ...(await exportJWK(signs.publicKey)), kid: 'signs', use: 'sig', alg: 'ES256' };
    const sealing = (alg, enc) => example.register(`jose-seals-${alg}-${enc}`.toLowerCase(), {
      ...shape,
      redirect_uris: [`${example.url}/callback`],
      jwks: { keys: [own] },
      request_object_encryption_alg: alg,
      request_object_encryption_enc: enc,
    });
    const signed = (client) => new SignJWT({
      client_id: client.client_id, response_type: 'code', scope: 'openid', state: 's', nonce: 'n',
      redirect_uri: `${example.url}/callback`, code_challenge_method: 'S256',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    }).setProtectedHeader({ alg: 'ES256', typ: 'oauth-authz-req+jwt', kid: 'signs' })
      .setIssuer(client.client_id).setAudience(example.issuer).setExpirationTime('1m').sign(signs.privateKey);
    for (const jwk of offered) {
      for (const enc of metadata.request_object_encryption_enc_values_supported) {
        const client = await sealing(jwk.alg, enc);
        const request = await signed(client);
        const header = { alg: jwk.alg, enc, kid: jwk.kid, cty: 'JWT' };
        const seal = async (plain, more = {}) =>
          new CompactEncrypt(bytes(plain)).setProtectedHeader({ ...header, ...more }).encrypt(await importJWK(jwk));
        const push = async (sealed) => post(metadata.pushed_authorization_request_endpoint, client, { request: sealed });
        const pushed = await push(await seal(request));
        assert.equal(pushed.status, 201, `${jwk.alg} ${enc}: ${pushed.body}`);
        const bare = await push(await seal('{"response_type":"code"}'));
        assert.equal(JSON.parse(bare.body).error, 'invalid_request_object', `${jwk.alg} ${enc}`);
      }
    }
  });
});

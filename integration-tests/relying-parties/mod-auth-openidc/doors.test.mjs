// A site behind Apache that signs its requests and shows a certificate.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { Example } from '../example.mjs';
import { Apache } from './apache.mjs';

describe('mod_auth_openidc: signed requests and mutual TLS', () => {
  const apache = new Apache('doors.conf');
  let doors;
  let hoa;
  let requests;
  let client;

  before(async () => {
    doors = await Example.doors();
    hoa = doors.citizen();
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = (name, key, type) => writeFileSync(join(apache.folder, name), key.export({ format: 'pem', type }), { mode: 0o600 });
    pem('requests.pub', publicKey, 'spki');
    pem('requests.key', privateKey, 'pkcs8');
    for (const name of ['ca.pem', 'portal.pem', 'portal.key']) copyFileSync(join(process.env.CERTIFICATES, name), join(apache.folder, name));
    requests = { ...publicKey.export({ format: 'jwk' }), kid: 'requests', use: 'sig', alg: 'PS256' };
    client = await send('POST', `${doors.issuer}/register`, metadata('portal.example'));
    await apache.run(doors, { CLIENT_ID: client.client_id, MTLS: await mtls() });
  });
  after(async () => {
    await doors?.stop();
    apache.remove();
  });

  const mtls = async () => {
    const metadata = await (await fetch(`${doors.issuer}/.well-known/openid-configuration`)).json();
    return new URL(metadata.mtls_endpoint_aliases.token_endpoint).origin;
  };

  const metadata = (name) => ({
    client_name: 'mod_auth_openidc, signed',
    redirect_uris: [`${doors.url}/callback`],
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_san_dns: name,
    request_object_signing_alg: 'PS256',
    require_signed_request_object: true,
    id_token_signed_response_alg: 'ES256',
    jwks: { keys: [requests] },
    scope: 'openid profile',
  });

  const send = async (method, url, body, headers = {}) => {
    const answer = await fetch(url, { method, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
    const told = await answer.json();
    assert.ok(answer.ok, JSON.stringify(told));
    return told;
  };

  it('asks by a signed request', async () => {
    const { to } = await hoa.send('GET', `${doors.url}/protected/`);
    const request = to.searchParams.get('request');
    assert.equal(decodeProtectedHeader(request).alg, 'PS256');
    assert.equal(decodeJwt(request).code_challenge_method, 'S256');
  });

  it('signs a person in without a secret', async () => {
    const page = await doors.visit(hoa, '/protected/');
    assert.equal(page.status, 200, page.text + apache.log);
    assert.ok(page.text.includes(`Hello ${hoa.person.name}.`), page.text);
  });

  it('is refused what was changed on its way', async () => {
    const other = doors.citizen();
    const { to } = await other.send('GET', `${doors.url}/protected/`);
    const [head, , signature] = to.searchParams.get('request').split('.');
    const changed = { ...decodeJwt(to.searchParams.get('request')), scope: 'openid' };
    to.searchParams.set('request', [head, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.'));
    const back = await other.walk(to);
    assert.equal(back.url?.searchParams.get('error'), 'invalid_request_object', JSON.stringify(back));
  });

  it('is nobody with a certificate of another name', async () => {
    const headers = { authorization: `Bearer ${client.registration_access_token}` };
    await send('PUT', client.registration_client_uri, { ...metadata('stranger.example'), client_id: client.client_id }, headers);
    hoa.cookies.get('localhost').delete('mod_auth_openidc_session');
    const page = await doors.visit(hoa, '/protected/');
    assert.doesNotMatch(page.text, /Hello/);
    assert.match(apache.log, /invalid_client/);
  });
});

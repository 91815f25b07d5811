// The doors that Authlib opens.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decodeJwt } from 'jose';
import { Example } from '../example.mjs';

const python = process.env.AUTHLIB_PYTHON;
const program = (name) => fileURLToPath(new URL(`doors/${name}.py`, import.meta.url));

// For the programs alone: pip would trust nobody else either.
const trust = { REQUESTS_CA_BUNDLE: join(process.env.CERTIFICATES, 'ca.pem') };

let doors;
let hoa;

before(async () => {
  doors = await Example.doors();
  hoa = doors.citizen();
});
after(() => doors?.stop());

/** Runs a program to its end: its lines are JSON, or its last words the refusal. */
function run(name, args = [], env = {}) {
  const child = spawn(python, [program(name), ...args], { env: { ...process.env, ...doors.env, ...trust, ...env } });
  const said = [];
  child.stderr.on('data', (part) => said.push(part));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise((resolve) => child.once('close', resolve));
  const next = async () => {
    const { value, done } = await lines.next();
    if (!done) return JSON.parse(value);
    await ended;
    throw new Error(Buffer.concat(said).toString().trim());
  };
  return { next };
}

describe('signed and pushed requests, private_key_jwt (Flask)', () => {
  before(() => doors.run(python, [program('signed_portal')], { env: trust }));

  for (const path of ['/login', '/login?pushed']) {
    it(`signs a person in by ${path}`, async () => {
      const asked = await hoa.send('GET', doors.url + path);
      assert.deepEqual([...asked.to.searchParams.keys()], ['client_id', path === '/login' ? 'request' : 'request_uri']);
      const page = await doors.visit(hoa, path);
      assert.equal(page.status, 200, page.text + doors.log);
      assert.equal(JSON.parse(page.text).name, hoa.person.name);
    });
  }

  it('is refused what it did not sign', async () => {
    const page = await doors.visit(hoa, '/login?plain');
    assert.deepEqual([page.status, JSON.parse(page.text).error], [400, 'invalid_request']);
  });
});

// The provider's interval is five seconds: they wait beside each other.
describe('devices (RFC 8628)', { concurrency: true }, () => {
  it('signs in on a command line', async () => {
    const line = run('device');
    const { verification_uri_complete } = await line.next();
    await hoa.walk(verification_uri_complete);
    assert.deepEqual(await line.next(), { name: hoa.person.name });
  });

  it('is told when the person says no', async () => {
    const line = run('device');
    const { verification_uri_complete } = await line.next();
    await hoa.but({ consent: 'refuse' }).walk(verification_uri_complete);
    await assert.rejects(line.next(), { message: 'access_denied' });
  });
});

describe('mutual TLS and token exchange (RFC 8705, RFC 8693)', () => {
  const certificate = (name) => ['pem', 'key'].map((end) => join(process.env.CERTIFICATES, `${name}.${end}`));
  const archive = 'https://archive.example';
  const records = 'https://records.example';
  const proof = (san) => ({
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_san_dns: san,
    tls_client_certificate_bound_access_tokens: true,
  });
  const service = (client, who, ...call) => run('service', [...certificate(who), ...call], { CLIENT_ID: client }).next();
  let called;

  before(async () => {
    const gateway = { client_name: 'Gateway', grant_types: ['client_credentials'], scope: 'read', audience: [records, archive] };
    const { client_secret } = await doors.register('gateway', gateway);
    const grants = ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'];
    const rights = { token_exchange_clients: ['gateway'], audience: [records, archive], scope: 'read' };
    await doors.register('records', { client_name: 'Records', grant_types: grants, ...rights, ...proof('portal.example') });
    const answer = await fetch(`${doors.issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`gateway:${client_secret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'read', resource: records }),
    });
    called = (await answer.json()).access_token;
  });

  it('gets a token that is bound to its certificate', async () => {
    const token = await service('records', 'portal');
    assert.match(decodeJwt(token.access_token).cnf['x5t#S256'], /^[\w-]{43}$/);
  });

  it('acts with the token it was called with', async () => {
    const claims = decodeJwt((await service('records', 'portal', called, archive)).access_token);
    assert.deepEqual([claims.sub, claims.act, claims.aud], ['gateway', { sub: 'records' }, archive]);
    assert.ok(claims.cnf['x5t#S256']);
  });

  it('may call nobody that was not agreed on', async () => {
    await assert.rejects(service('records', 'portal', called, 'https://elsewhere.example'), { message: 'invalid_target' });
  });

  it('another certificate is another client', async () => {
    await assert.rejects(service('records', 'stranger'), { message: 'invalid_client' });
  });
});

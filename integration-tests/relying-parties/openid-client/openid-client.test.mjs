// openid-client as a relying party: every flow of the main job over real HTTP against the running program.
//
// One citizen signs in with a code once and is then carried by single sign-on, as people are; codes to one phone are
// limited on purpose, so tests that need a fresh sign-in use a person of their own.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { startDemo } from '../../lib/demo.mjs';
import { clientOf, personOf, portalsOf } from '../demo-info.mjs';
import { Citizen } from '../citizen.mjs';
import { relyingParty } from './party.mjs';

let demo;
let issuer;
let hoa;

before(async () => {
  demo = await startDemo();
  issuer = demo.info.issuer;
  hoa = new Citizen(demo, personOf(demo.info, 'Nguyen Thi Hoa'));
});

after(async () => {
  await demo?.stop();
});

const party = async (wanted) => relyingParty(issuer, clientOf(demo.info, wanted));
const basic = { alg: 'ES256', auth_method: 'client_secret_basic' };
const oauthError = (code) => (error) => {
  assert.equal(error.error ?? error.cause?.error, code, String(error.stack));
  return true;
};
const errorAt = (back, code) => {
  assert.equal(back.kind, 'redirect', JSON.stringify(back));
  assert.equal(back.url.searchParams.get('error'), code);
  assert.equal(back.url.searchParams.get('iss'), issuer);
  assert.equal(back.url.searchParams.get('code'), null);
};

describe('discovery', () => {
  it('names every endpoint under the issuer', async () => {
    const { config } = await party(basic);
    const metadata = config.serverMetadata();
    assert.equal(metadata.issuer, issuer);
    const endpoints = ['authorization', 'token', 'userinfo', 'introspection', 'revocation', 'end_session'];
    for (const name of [...endpoints.map((endpoint) => `${endpoint}_endpoint`), 'jwks_uri']) {
      assert.equal(new URL(metadata[name]).origin, new URL(issuer).origin, name);
    }
  });

  it('promises what the flows below rely on, and nothing weak', async () => {
    const { config } = await party(basic);
    const metadata = config.serverMetadata();
    assert.deepEqual(metadata.code_challenge_methods_supported, ['S256']);
    assert.deepEqual(metadata.response_types_supported, ['code']);
    assert.equal(metadata.authorization_response_iss_parameter_supported, true);
    assert.equal(metadata.backchannel_logout_supported, true);
    assert.equal(metadata.claims_parameter_supported, true);
    const within = (name, wanted) => {
      for (const value of wanted) assert.ok(metadata[name]?.includes(value), `${name} lacks ${value}`);
    };
    within('id_token_signing_alg_values_supported', ['ES256', 'RS256', 'PS256', 'EdDSA']);
    assert.ok(!metadata.id_token_signing_alg_values_supported.includes('none'));
    within('grant_types_supported', ['authorization_code', 'refresh_token', 'client_credentials']);
    within('response_modes_supported', ['query', 'form_post']);
    within('acr_values_supported', ['urn:dinhdanh:acr:1', 'urn:dinhdanh:acr:2']);
    within('token_endpoint_auth_methods_supported', ['client_secret_basic', 'client_secret_post', 'private_key_jwt']);
    within('subject_types_supported', ['pairwise']);
  });
});

describe('code flow with PKCE, state and nonce', () => {
  for (const alg of ['ES256', 'RS256', 'PS256', 'EdDSA']) {
    it(`gives tokens signed with ${alg}`, async () => {
      const rp = await party({ alg });
      const begun = Math.floor(Date.now() / 1000);
      const tokens = await rp.signIn(hoa);
      const claims = tokens.claims();

      assert.equal(decodeProtectedHeader(tokens.id_token).alg, alg);
      assert.equal(claims.iss, issuer);
      assert.equal(claims.aud, rp.client.client_id);
      assert.ok(claims.sub.length > 0 && claims.sub.length <= 255);
      assert.ok(!claims.sub.includes(hoa.person.number), 'the subject must not be the personal number');
      assert.ok(claims.exp > begun && claims.iat >= begun - 5);
      assert.match(claims.acr, /^urn:dinhdanh:acr:[1-4]$/);
      assert.ok(Array.isArray(claims.amr) && claims.amr.length > 0);
      assert.ok(Number.isInteger(claims.auth_time));
      assert.ok([0, 1, 2].includes(claims.identity_level));
      assert.ok([1, 2, 3, 4].includes(claims.authentication_level));
      assert.ok(claims.sid);

      const keys = createRemoteJWKSet(new URL(rp.config.serverMetadata().jwks_uri));
      const access = await jwtVerify(tokens.access_token, keys, { issuer, typ: 'at+jwt' });
      assert.equal(access.payload.client_id, rp.client.client_id);
      assert.equal(access.payload.sub, claims.sub);
      assert.ok(access.payload.jti && access.payload.exp);
      assert.equal(tokens.token_type, 'bearer');
    });
  }

  it('gives each sector its own subject, and the same one every time', async () => {
    const [first, second] = portalsOf(demo.info).slice(0, 2);
    const subjects = [];
    for (const portal of [first, second, first]) {
      await enter(hoa, portal);
      subjects.push((await me(hoa, portal)).sub);
    }
    assert.equal(subjects[0], subjects[2]);
    assert.notEqual(subjects[0], subjects[1]);
  });

  it('b1_a_code_works_once', async () => {
    const rp = await party(basic);
    const request = await rp.request();
    const back = await hoa.walk(request.url);
    const tokens = await rp.exchange(back, request.checks);
    await assert.rejects(rp.exchange(back, request.checks), oauthError('invalid_grant'));
    const afterwards = await oidc.tokenIntrospection(rp.config, tokens.access_token);
    assert.equal(afterwards.active, false, 'a replayed code must end what it had given');
  });

  it('refuses a code with another verifier', async () => {
    const rp = await party(basic);
    const request = await rp.request();
    const back = await hoa.walk(request.url);
    const checks = { ...request.checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() };
    await assert.rejects(rp.exchange(back, checks), oauthError('invalid_grant'));
  });

  it('refuses a code in the hands of another client', async () => {
    const rp = await party(basic);
    const other = await party({ alg: 'RS256' });
    const request = await rp.request();
    const back = await hoa.walk(request.url);
    await assert.rejects(other.exchange(back, request.checks), oauthError('invalid_grant'));
  });

  it('refuses a wrong client secret', async () => {
    const rp = await relyingParty(issuer, { ...clientOf(demo.info, basic), client_secret: 'wrong' });
    const request = await rp.request();
    const back = await hoa.walk(request.url);
    // RFC 6749 5.2: a client that used the Authorization header is answered 401 with a challenge.
    await assert.rejects(rp.exchange(back, request.checks), (error) => {
      assert.equal(error.status, 401);
      assert.equal(error.cause?.[0]?.scheme, 'basic');
      return true;
    });
  });

  it('answers by form_post', async () => {
    const rp = await party(basic);
    const request = await rp.request({ response_mode: 'form_post' });
    const back = await hoa.walk(request.url);
    assert.equal(back.kind, 'form_post', JSON.stringify(back));
    assert.equal(back.url.href, new URL(rp.redirectUri).href);
    assert.equal(back.fields.iss, issuer);
    const tokens = await rp.exchange(back, request.checks);
    assert.ok(tokens.claims().sub);
  });

  it('a1_an_unknown_redirect_address_ends_on_our_own_page', async () => {
    const rp = await party(basic);
    for (const wrong of [`${rp.redirectUri}/`, `${rp.redirectUri}?x=1`, 'https://evil.example/callback']) {
      const { url } = await rp.request({ redirect_uri: wrong });
      const back = await hoa.walk(url);
      assert.equal(back.kind, 'page', `${wrong} was sent ${JSON.stringify(back)}`);
      assert.equal(back.status, 400);
      assert.match(back.text, /[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}/, 'an error id a person can read out');
    }
  });

  it('brings access_denied when the citizen refuses', async () => {
    const rp = await party(basic);
    const unwilling = new Citizen(demo, hoa.person, { consent: 'refuse' });
    unwilling.cookies = hoa.cookies;
    const request = await rp.request({ prompt: 'consent', scope: 'openid profile' });
    const back = await unwilling.walk(request.url);
    errorAt(back, 'access_denied');
    assert.equal(back.url.searchParams.get('state'), request.checks.expectedState);
    await assert.rejects(rp.exchange(back, request.checks), oauthError('access_denied'));
  });
});

describe('private_key_jwt', () => {
  it('signs in and exchanges', async () => {
    const rp = await party({ auth_method: 'private_key_jwt' });
    const tokens = await rp.signIn(hoa);
    assert.equal(tokens.claims().aud, rp.client.client_id);
  });

  it('f5_refuses_an_assertion_by_another_key', async () => {
    const client = clientOf(demo.info, { auth_method: 'private_key_jwt' });
    const rp = await relyingParty(issuer, client);
    const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const stranger = new oidc.Configuration(
      rp.config.serverMetadata(),
      client.client_id,
      { id_token_signed_response_alg: client.alg },
      oidc.PrivateKeyJwt({ key: privateKey, kid: client.private_jwk.kid }),
    );
    oidc.allowInsecureRequests(stranger);
    await assert.rejects(oidc.clientCredentialsGrant(stranger), oauthError('invalid_client'));
  });
});

describe('refresh', () => {
  const offline = { scope: 'openid profile offline_access', prompt: 'consent' };

  it('rotates, and keeps subject and sign-in time', async () => {
    const rp = await party(basic);
    const first = await rp.signIn(hoa, offline);
    assert.ok(first.refresh_token, 'offline_access gives a refresh token');
    const second = await oidc.refreshTokenGrant(rp.config, first.refresh_token);
    assert.ok(second.refresh_token && second.refresh_token !== first.refresh_token);
    assert.notEqual(second.access_token, first.access_token);
    if (second.id_token) {
      assert.equal(second.claims().sub, first.claims().sub);
      assert.equal(second.claims().auth_time, first.claims().auth_time);
    }
  });

  it('e1_reuse_of_a_spent_token_ends_the_family', async () => {
    const rp = await party(basic);
    const first = await rp.signIn(hoa, offline);
    const second = await oidc.refreshTokenGrant(rp.config, first.refresh_token);
    await assert.rejects(oidc.refreshTokenGrant(rp.config, first.refresh_token), oauthError('invalid_grant'));
    await assert.rejects(oidc.refreshTokenGrant(rp.config, second.refresh_token), oauthError('invalid_grant'));
    assert.equal((await oidc.tokenIntrospection(rp.config, second.access_token)).active, false);
  });

  it('e1_of_many_parallel_refreshes_at_most_one_wins', async () => {
    const rp = await party(basic);
    const first = await rp.signIn(hoa, offline);
    const tries = Array.from({ length: 16 }, () => oidc.refreshTokenGrant(rp.config, first.refresh_token));
    const results = await Promise.allSettled(tries);
    const won = results.filter((result) => result.status === 'fulfilled');
    assert.ok(won.length <= 1, `${won.length} of 16 parallel refreshes won`);
    for (const { reason } of results.filter((result) => result.status === 'rejected')) oauthError('invalid_grant')(reason);
  });
});

describe('userinfo', () => {
  it('answers as JSON for the subject of the ID token', async () => {
    const rp = await party(basic);
    const tokens = await rp.signIn(hoa, { scope: 'openid profile' });
    const info = await oidc.fetchUserInfo(rp.config, tokens.access_token, tokens.claims().sub);
    assert.equal(info.sub, tokens.claims().sub);
  });

  it('answers signed for a client that registered so', async () => {
    const client = demo.info.clients.find((candidate) => candidate.userinfo_signed_response_alg);
    assert.ok(client, 'demo --json offers no client with userinfo_signed_response_alg');
    const rp = await relyingParty(issuer, client);
    const tokens = await rp.signIn(hoa);
    const { userinfo_endpoint: endpoint, jwks_uri: keys } = rp.config.serverMetadata();
    const raw = await fetch(endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    assert.match(raw.headers.get('content-type'), /^application\/jwt\b/);
    const checks = { issuer, audience: client.client_id, algorithms: [client.userinfo_signed_response_alg] };
    const signed = await jwtVerify(await raw.text(), createRemoteJWKSet(new URL(keys)), checks);
    assert.equal(signed.payload.sub, tokens.claims().sub);
    const info = await oidc.fetchUserInfo(rp.config, tokens.access_token, tokens.claims().sub);
    assert.equal(info.sub, tokens.claims().sub);
  });

  it('f13_refuses_an_id_token_in_place_of_an_access_token', async () => {
    const rp = await party(basic);
    const tokens = await rp.signIn(hoa);
    const { userinfo_endpoint: endpoint } = rp.config.serverMetadata();
    const answer = await fetch(endpoint, { headers: { authorization: `Bearer ${tokens.id_token}` } });
    assert.equal(answer.status, 401);
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer\b.*invalid_token/);
  });
});

describe('introspection and revocation', () => {
  it('tells a live token from nonsense', async () => {
    const rp = await party(basic);
    const tokens = await rp.signIn(hoa);
    const live = await oidc.tokenIntrospection(rp.config, tokens.access_token);
    assert.equal(live.active, true);
    assert.equal(live.client_id, rp.client.client_id);
    assert.equal(live.sub, tokens.claims().sub);
    assert.deepEqual(await oidc.tokenIntrospection(rp.config, 'nonsense'), { active: false });
  });

  it('i2_a_revoked_refresh_token_is_never_active_again', async () => {
    const rp = await party(basic);
    const tokens = await rp.signIn(hoa, { scope: 'openid offline_access', prompt: 'consent' });
    await oidc.tokenRevocation(rp.config, tokens.refresh_token);
    await assert.rejects(oidc.refreshTokenGrant(rp.config, tokens.refresh_token), oauthError('invalid_grant'));
    assert.equal((await oidc.tokenIntrospection(rp.config, tokens.refresh_token)).active, false);
    assert.equal((await oidc.tokenIntrospection(rp.config, tokens.access_token)).active, false);
  });

  it('i2_a_revoked_access_token_is_never_active_again', async () => {
    const rp = await party(basic);
    const tokens = await rp.signIn(hoa);
    await oidc.tokenRevocation(rp.config, tokens.access_token);
    assert.equal((await oidc.tokenIntrospection(rp.config, tokens.access_token)).active, false);
    const refused = oidc.fetchUserInfo(rp.config, tokens.access_token, tokens.claims().sub);
    await assert.rejects(refused);
  });

  it('does not revoke the token of another client', async () => {
    const rp = await party(basic);
    const other = await party({ alg: 'RS256' });
    const tokens = await rp.signIn(hoa);
    await oidc.tokenRevocation(other.config, tokens.access_token).catch(() => {});
    assert.equal((await oidc.tokenIntrospection(rp.config, tokens.access_token)).active, true);
  });
});

describe('client_credentials', () => {
  it('gives a token of the client itself, with no person in it', async () => {
    const rp = await party(basic);
    const tokens = await oidc.clientCredentialsGrant(rp.config);
    assert.equal(tokens.id_token, undefined);
    assert.equal(tokens.refresh_token, undefined);
    const claims = decodeJwt(tokens.access_token);
    assert.equal(claims.sub, rp.client.client_id, 'RFC 9068 2.2');
    assert.equal((await oidc.tokenIntrospection(rp.config, tokens.access_token)).active, true);
  });
});

describe('prompt, max_age and acr', () => {
  it('prompt=none brings login_required to someone unknown', async () => {
    const rp = await party(basic);
    const stranger = new Citizen(demo, hoa.person);
    const request = await rp.request({ prompt: 'none' });
    const back = await stranger.walk(request.url);
    errorAt(back, 'login_required');
    assert.equal(back.url.searchParams.get('state'), request.checks.expectedState);
    assert.deepEqual(stranger.seen, [], 'prompt=none must not show a page');
  });

  it('prompt=none succeeds without a page for someone signed in', async () => {
    const rp = await party(basic);
    await rp.signIn(hoa);
    hoa.seen.length = 0;
    const tokens = await rp.signIn(hoa, { prompt: 'none' });
    assert.ok(tokens.claims().sub);
    assert.deepEqual(hoa.seen, []);
  });

  it('max_age=0 asks for a new sign-in and tells its true time', async () => {
    const rp = await party(basic);
    const minh = new Citizen(demo, personOf(demo.info, 'Tran Van Minh'));
    const begun = Math.floor(Date.now() / 1000);
    const tokens = await rp.signIn(minh, { max_age: '0' }, { maxAge: 300 });
    assert.ok(tokens.claims().auth_time >= begun - 1);
    assert.ok(minh.seen.some((path) => /^\/signin\//.test(path)));
    const again = await minh.walk((await rp.request({ max_age: '0', prompt: 'none' })).url);
    errorAt(again, 'login_required');
  });

  it('a generous max_age is met by the session', async () => {
    const rp = await party(basic);
    const before = (await rp.signIn(hoa)).claims().auth_time;
    const tokens = await rp.signIn(hoa, { max_age: '3600', prompt: 'none' }, { maxAge: 3600 });
    assert.equal(tokens.claims().auth_time, before);
  });

  it('i7_an_essential_acr_that_cannot_be_met_is_an_error', async () => {
    const rp = await party(basic);
    const claims = { id_token: { acr: { essential: true, values: ['urn:dinhdanh:acr:3'] } } };
    const request = await rp.request({ claims: JSON.stringify(claims) });
    const back = await hoa.walk(request.url);
    errorAt(back, 'unmet_authentication_requirements');
    await assert.rejects(rp.exchange(back, request.checks), oauthError('unmet_authentication_requirements'));
  });

  it('i7_a_voluntary_acr_is_answered_with_the_true_one', async () => {
    const rp = await party(basic);
    const tokens = await rp.signIn(hoa, { acr_values: 'urn:dinhdanh:acr:3' });
    assert.equal(tokens.claims().acr, `urn:dinhdanh:acr:${tokens.claims().authentication_level}`);
    assert.ok(tokens.claims().authentication_level < 3);
  });

  it('password and code reach authentication level 2', async () => {
    const rp = await party(basic);
    const bay = new Citizen(demo, personOf(demo.info, 'Le Thi Bay'), { methods: ['password', 'voice', 'sms'] });
    const claims = { id_token: { acr: { essential: true, values: ['urn:dinhdanh:acr:2'] } } };
    const tokens = await rp.signIn(bay, { claims: JSON.stringify(claims) });
    assert.equal(tokens.claims().acr, 'urn:dinhdanh:acr:2');
    assert.equal(tokens.claims().authentication_level, 2);
    assert.ok(tokens.claims().amr.includes('pwd'));
  });
});

describe('logout', () => {
  it('ends the session everywhere and tells the portal by back channel', async () => {
    const rp = await party(basic);
    const tokens = await rp.signIn(hoa);
    const [portal] = portalsOf(demo.info);
    await enter(hoa, portal);
    const { sid } = await me(hoa, portal);

    const state = oidc.randomState();
    const url = oidc.buildEndSessionUrl(rp.config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: rp.client.post_logout_redirect_uris[0],
      state,
    });
    const back = await hoa.walk(url);
    assert.equal(back.kind, 'redirect', JSON.stringify(back));
    assert.equal(`${back.url.origin}${back.url.pathname}`, new URL(rp.client.post_logout_redirect_uris[0]).href);
    assert.equal(back.url.searchParams.get('state'), state);

    await heard(portal, sid);
    assert.equal((await hoa.send('GET', `${portal}/me`)).status, 401);
    errorAt(await hoa.walk((await rp.request({ prompt: 'none' })).url), 'login_required');
    assert.equal((await oidc.tokenIntrospection(rp.config, tokens.access_token)).active, false);
  });

  it('i2_a_post_logout_address_that_is_not_registered_is_not_followed', async () => {
    const rp = await party(basic);
    const url = oidc.buildEndSessionUrl(rp.config, { post_logout_redirect_uri: 'https://evil.example/' });
    const back = await new Citizen(demo, hoa.person).walk(url);
    assert.equal(back.kind, 'page', JSON.stringify(back));
  });
});

/** Signs in at a sample portal. */
async function enter(citizen, portal) {
  const back = await citizen.walk((await citizen.send('GET', `${portal}/login?level=1`)).to);
  assert.equal(back.kind, 'redirect', JSON.stringify(back));
  const answer = await citizen.send('GET', back.url);
  assert.equal(answer.status, 303, answer.text);
}

async function me(citizen, portal) {
  const answer = await citizen.send('GET', `${portal}/me`);
  assert.equal(answer.status, 200, `nobody is signed in at ${portal}`);
  return JSON.parse(answer.text);
}

/** Waits until a portal has received the logout of this session; delivery runs through the outbox. */
async function heard(portal, sid) {
  for (const end = Date.now() + 15_000; Date.now() < end; await new Promise((again) => setTimeout(again, 100))) {
    const { events } = await (await fetch(`${portal}/events`)).json();
    if (events.some((event) => event.sid === sid)) return;
  }
  assert.fail(`${portal} received no logout for its session within 15 s`);
}

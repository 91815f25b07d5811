// A portal with oauth4webapi, without a framework: every step is a function call that says what it checks. It proves
// itself by a key of its own (private_key_jwt), so that no secret exists that could be copied at the provider.
//
//   node portal.mjs new-key     makes the key and prints its public half, for "jwks" in client.json
//   node portal.mjs             runs the portal

import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import * as oauth from 'oauth4webapi';

const { ISSUER = 'http://localhost:8800', PORTAL = 'http://localhost:7000', PORT = '7000' } = process.env;
const { CLIENT_ID = 'oauth4webapi-example', KEY_FILE = 'key.json' } = process.env;
const CALLBACK = `${PORTAL}/callback`;

if (process.argv[2] === 'new-key') {
  const { privateKey, publicKey } = await oauth.generateKeyPair('ES256', { extractable: true });
  const jwk = async (key) => ({ ...(await crypto.subtle.exportKey('jwk', key)), key_ops: undefined, ext: undefined });
  const name = { kid: crypto.randomUUID(), alg: 'ES256', use: 'sig' };
  writeFileSync(KEY_FILE, JSON.stringify({ ...(await jwk(privateKey)), ...name }), { mode: 0o600 });
  console.log(JSON.stringify({ keys: [{ ...(await jwk(publicKey)), ...name }] }));
  process.exit();
}

// The demo speaks plain http. Leave this out everywhere else.
const http = { [oauth.allowInsecureRequests]: true };
const jwk = JSON.parse(readFileSync(KEY_FILE, 'utf8'));
const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const authentication = oauth.PrivateKeyJwt({
  key: await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']),
  kid: jwk.kid,
});

const issuer = new URL(ISSUER);
const provider = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http));
const client = { client_id: CLIENT_ID, id_token_signed_response_alg: 'ES256' };
const visits = new Map(); // cookie -> what belongs to one browser

const routes = {
  'GET /': ({ visit }) => ({ signed_in: Boolean(visit.person), ...visit.person }),

  async 'GET /login'({ visit, url }) {
    visit.verifier = oauth.generateRandomCodeVerifier();
    visit.state = oauth.generateRandomState();
    visit.nonce = oauth.generateRandomNonce();
    const request = new URL(provider.authorization_endpoint);
    const parameters = {
      client_id: CLIENT_ID,
      redirect_uri: CALLBACK,
      response_type: 'code',
      scope: 'openid profile levels',
      state: visit.state,
      nonce: visit.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(visit.verifier),
      code_challenge_method: 'S256',
    };
    // A page that needs more says so: /login?level=2 accepts no weaker sign-in.
    const level = url.searchParams.get('level');
    if (level) parameters.claims = JSON.stringify({ id_token: { acr: { essential: true, values: [`LoA${level}`] } } });
    request.search = new URLSearchParams(parameters);
    return request;
  },

  async 'GET /callback'({ visit, url }) {
    // Checks state, and iss against the mix-up of providers (RFC 9207).
    const answer = oauth.validateAuthResponse(provider, client, url, visit.state);
    const response = await oauth.authorizationCodeGrantRequest(
      provider, client, authentication, answer, CALLBACK, visit.verifier, http,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(provider, client, response, {
      expectedNonce: visit.nonce,
      requireIdToken: true,
    });
    await oauth.validateApplicationLevelSignature(provider, response, http);
    const { sub, sid, acr, identity_level, authentication_level } = oauth.getValidatedIdTokenClaims(tokens);
    const levels = { acr, identity_level, authentication_level };
    Object.assign(visit, { sid, tokens, person: { ...(await userinfo(tokens.access_token, sub)), ...levels } });
    return new URL('/', CALLBACK);
  },

  async 'GET /refresh'({ visit }) {
    const response = await oauth.refreshTokenGrantRequest(provider, client, authentication, visit.tokens.refresh_token, http);
    visit.tokens = { ...visit.tokens, ...(await oauth.processRefreshTokenResponse(provider, client, response)) };
    return userinfo(visit.tokens.access_token, visit.person.sub);
  },

  // Whether the person's token still counts, asked of the provider.
  async 'GET /still'({ visit }) {
    const response = await oauth.introspectionRequest(provider, client, authentication, visit.tokens.access_token, http);
    const { active } = await oauth.processIntrospectionResponse(provider, client, response);
    return { active };
  },

  // The portal gives its access up, without signing the person out.
  async 'GET /revoke'({ visit }) {
    const response = await oauth.revocationRequest(provider, client, authentication, visit.tokens.refresh_token, http);
    await oauth.processRevocationResponse(response);
    return { revoked: true };
  },

  // A token of the portal itself, for calls between services.
  async 'GET /service'() {
    const parameters = new URLSearchParams({ scope: 'report' });
    const response = await oauth.clientCredentialsGrantRequest(provider, client, authentication, parameters, http);
    const { scope, token_type } = await oauth.processClientCredentialsResponse(provider, client, response);
    return { scope, token_type };
  },

  'GET /logout'({ visit }) {
    const end = new URL(provider.end_session_endpoint);
    end.search = new URLSearchParams({ id_token_hint: visit.tokens.id_token, post_logout_redirect_uri: `${PORTAL}/` });
    visit.person = undefined;
    return end;
  },
};

async function userinfo(accessToken, subject) {
  const response = await oauth.userInfoRequest(provider, client, accessToken, http);
  return oauth.processUserInfoResponse(provider, client, subject, response);
}

createServer(async (request, response) => {
  const url = new URL(request.url, PORTAL);
  const id = /visit=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1] ?? crypto.randomUUID();
  if (!visits.has(id)) visits.set(id, {});
  const headers = { 'set-cookie': `visit=${id}; HttpOnly; SameSite=Lax; Path=/`, 'content-type': 'application/json' };
  try {
    const route = routes[`${request.method} ${url.pathname}`];
    if (!route) return response.writeHead(404).end();
    const answer = await route({ visit: visits.get(id), url });
    if (answer instanceof URL) response.writeHead(302, { ...headers, location: answer.href }).end();
    else response.writeHead(200, headers).end(JSON.stringify(answer));
  } catch (error) {
    // `error.error` is the provider's code, such as access_denied; the rest is the library's reason.
    console.error(error.code, error.error ?? error.message);
    response.writeHead(400, headers).end(JSON.stringify({ error: error.error ?? 'failed' }));
  }
}).listen(Number(PORT));

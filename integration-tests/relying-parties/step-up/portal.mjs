// A records system whose pages need different sign-ins, and a portal that does what the system asks for. Two programs in
// one file; between them is nothing but HTTP.
//
//   node portal.mjs

import { createServer } from 'node:http';
import * as oauth from 'oauth4webapi';
import { needing } from './middleware.mjs';

const { ISSUER = 'http://localhost:8800', PORTAL = 'http://localhost:7000', PORT = '7000' } = process.env;
const { CLIENT_ID = 'step-up-example', CLIENT_SECRET = '' } = process.env;
const RESOURCE = 'https://records.example';
const CALLBACK = `${PORTAL}/callback`;
// The demo speaks plain http. Leave this out everywhere else.
const http = { [oauth.allowInsecureRequests]: true };

const issuer = new URL(ISSUER);
const provider = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http));

// The records system.
const verify = (request) => {
  const { authorization } = request.headers;
  return oauth.validateJwtAccessToken(provider, new Request(RESOURCE, { headers: { authorization } }), RESOURCE, http);
};
const say = (request, response, { acr, authentication_level, auth_time }) =>
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ acr, authentication_level, auth_time }));
const records = {
  '/list': needing(verify, {}, say),
  '/file': needing(verify, { acr: 'urn:dinhdanh:acr:2', maxAge: 3600 }, say),
};
const system = createServer((request, response) => (records[request.url] ?? ((_, r) => r.writeHead(404).end()))(request, response));
await new Promise((ready) => system.listen(0, '127.0.0.1', ready));
const SYSTEM = `http://127.0.0.1:${system.address().port}`;

// The portal.
const client = { client_id: CLIENT_ID, id_token_signed_response_alg: 'ES256' };
const authentication = oauth.ClientSecretBasic(CLIENT_SECRET);
const visits = new Map(); // cookie -> what belongs to one browser

/** Leads to the provider, with what the records system asked for, and back to the page that was wanted. */
async function signIn(visit, wanted, { acr_values, max_age } = {}) {
  Object.assign(visit, { wanted, asked: acr_values ?? max_age, verifier: oauth.generateRandomCodeVerifier(), state: oauth.generateRandomState() });
  const request = new URL(provider.authorization_endpoint);
  const parameters = {
    client_id: CLIENT_ID, redirect_uri: CALLBACK, response_type: 'code', scope: 'openid levels', state: visit.state,
    code_challenge: await oauth.calculatePKCECodeChallenge(visit.verifier), code_challenge_method: 'S256',
    ...(acr_values && { acr_values }), ...(max_age && { max_age }),
  };
  for (const [name, value] of Object.entries(parameters)) request.searchParams.set(name, value);
  return { to: request };
}

/** A page of the records system; where the sign-in does not suffice, the way to one that does. */
async function page(visit, path) {
  if (!visit.token) return signIn(visit, path);
  try {
    const answer = await oauth.protectedResourceRequest(visit.token, 'GET', new URL(path, SYSTEM), undefined, undefined, http);
    visit.asked = undefined;
    return { status: answer.status, body: await answer.json() };
  } catch (error) {
    if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error;
    const { parameters } = error.cause[0];
    // Asked once already, and not reached: whoever insists loops.
    if (parameters.error === 'insufficient_user_authentication' && !visit.asked) return signIn(visit, path, parameters);
    return { status: 403, body: { error: parameters.error, acr_values: parameters.acr_values } };
  }
}

async function callback(visit, url) {
  const answer = oauth.validateAuthResponse(provider, client, url, visit.state);
  const grant = await oauth.authorizationCodeGrantRequest(provider, client, authentication, answer, CALLBACK, visit.verifier, http);
  const tokens = await oauth.processAuthorizationCodeResponse(provider, client, grant, { requireIdToken: true });
  visit.token = tokens.access_token;
  return { to: new URL(visit.wanted, PORTAL) };
}

createServer(async (request, response) => {
  const url = new URL(request.url, PORTAL);
  const cookie = /visit=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1] ?? crypto.randomUUID();
  const visit = visits.get(cookie) ?? {};
  visits.set(cookie, visit);
  const headers = { 'set-cookie': `visit=${cookie}; HttpOnly; SameSite=Lax; Path=/`, 'content-type': 'application/json' };
  try {
    const { status = 200, body, to } =
      url.pathname === '/' ? { body: { signed_in: Boolean(visit.token) } }
      : url.pathname === '/callback' ? await callback(visit, url)
      : await page(visit, url.pathname);
    if (to) return response.writeHead(302, { ...headers, location: String(to) }).end();
    return response.writeHead(status, headers).end(JSON.stringify(body));
  } catch (error) {
    console.error(error);
    return response.writeHead(500, headers).end(JSON.stringify({ error: error.error ?? 'failed' }));
  }
}).listen(Number(PORT));

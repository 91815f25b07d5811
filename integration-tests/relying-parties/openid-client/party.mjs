// A portal's side of the tests: openid-client, configured as its documentation says, for one of the demo's clients.

import { importJWK } from 'jose';
import * as oidc from 'openid-client';

/** How a client proves itself at the token endpoint. */
async function authentication(client) {
  switch (client.auth_method) {
    case 'client_secret_basic':
      return oidc.ClientSecretBasic(client.client_secret);
    case 'client_secret_post':
      return oidc.ClientSecretPost(client.client_secret);
    case 'private_key_jwt': {
      const jwk = client.private_jwk;
      const key = await importJWK(jwk, jwk.alg ?? 'ES256');
      return oidc.PrivateKeyJwt(jwk.kid ? { key, kid: jwk.kid } : key);
    }
    case 'none':
      return oidc.None();
    default:
      throw new Error(`a client with the unknown auth_method ${client.auth_method}`);
  }
}

/** A relying party that has discovered the provider and checks signatures too. */
export async function relyingParty(issuer, client) {
  const metadata = { id_token_signed_response_alg: client.alg };
  if (client.userinfo_signed_response_alg) {
    metadata.userinfo_signed_response_alg = client.userinfo_signed_response_alg;
  }
  const config = await oidc.discovery(new URL(issuer), client.client_id, metadata, await authentication(client), {
    // The demo speaks http on loopback only.
    execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
  });
  return new RelyingParty(config, client);
}

class RelyingParty {
  constructor(config, client) {
    this.config = config;
    this.client = client;
    this.redirectUri = client.redirect_uris[0];
  }

  /** An authorization request with PKCE, state and nonce of its own. */
  async request(parameters = {}) {
    const verifier = oidc.randomPKCECodeVerifier();
    const state = oidc.randomState();
    const nonce = oidc.randomNonce();
    const url = oidc.buildAuthorizationUrl(this.config, {
      redirect_uri: this.redirectUri,
      scope: 'openid',
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...parameters,
    });
    return { url, checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce } };
  }

  /** Sends the citizen through the provider and exchanges the code. */
  async signIn(citizen, parameters = {}, checks = {}) {
    const request = await this.request(parameters);
    const back = await citizen.walk(request.url);
    if (back.kind === 'page') throw new Error(`no answer came back, but the page "${back.title}": ${back.text}`);
    return this.exchange(back, { ...request.checks, ...checks });
  }

  /** Exchanges the code of a redirect or of a form_post, with every check of the library. */
  exchange(back, checks) {
    return oidc.authorizationCodeGrant(this.config, this.answer(back), checks);
  }

  answer(back) {
    if (back.kind !== 'form_post') return back.url;
    return new Request(back.url, { method: 'POST', body: new URLSearchParams(back.fields) });
  }
}

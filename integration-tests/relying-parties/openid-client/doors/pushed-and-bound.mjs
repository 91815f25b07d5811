// A portal that pushes its requests (RFC 9126), proves itself by a key (private_key_jwt) and gets tokens that serve
// nobody without another key (DPoP, RFC 9449). Nothing in this file is a secret that could be copied at the provider.

import { exportJWK, generateKeyPair } from 'jose';
import * as oidc from 'openid-client';

/** Registers over the wire (RFC 7591). A real portal does this once and keeps its id and key. */
export async function register(issuer, callback) {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const name = { kid: '2026-11', alg: 'ES256', use: 'sig' };
  const metadata = {
    client_name: 'Portal that pushes',
    redirect_uris: [callback],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ ...(await exportJWK(publicKey)), ...name }] },
    id_token_signed_response_alg: 'ES256',
    require_pushed_authorization_requests: true,
    dpop_bound_access_tokens: true,
    scope: 'openid profile offline_access',
  };
  const proof = oidc.PrivateKeyJwt({ key: privateKey, kid: name.kid });
  return oidc.dynamicClientRegistration(new URL(issuer), metadata, proof, { execute: [oidc.enableNonRepudiationChecks] });
}

/** Pushes a request. Send the browser to `url`, and keep `visit` for this browser. */
export async function begin(config, callback) {
  // The handle remembers the provider's nonces and signs again when it meets a new one.
  const visit = { verifier: oidc.randomPKCECodeVerifier(), state: oidc.randomState(), nonce: oidc.randomNonce() };
  visit.DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
  const parameters = {
    redirect_uri: callback,
    scope: 'openid profile offline_access',
    state: visit.state,
    nonce: visit.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(visit.verifier),
    code_challenge_method: 'S256',
    prompt: 'consent',
  };
  // The proof at the push binds the code too: whoever steals it has no use for it.
  const url = await oidc.buildAuthorizationUrlWithPAR(config, parameters, { DPoP: visit.DPoP });
  return { url, visit };
}

/** At the redirect address: `address` is the whole address the browser came to. */
export async function finish(config, address, { verifier, state, nonce, DPoP }) {
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
  return oidc.authorizationCodeGrant(config, address, checks, undefined, { DPoP });
}

export const person = (config, tokens, { DPoP }, { sub } = tokens.claims()) =>
  oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP });

export const refresh = (config, tokens, { DPoP }) => oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });

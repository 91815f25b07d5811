// A portal whose requests are signed (JAR, RFC 9101) and that takes signed answers only (JARM): neither the browser nor
// anything between can change a word of them.

import { exportJWK, generateKeyPair } from 'jose';
import * as oidc from 'openid-client';

export async function register(issuer, callback) {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const kid = '2026-11';
  const metadata = {
    client_name: 'Portal that signs',
    redirect_uris: [callback],
    token_endpoint_auth_method: 'client_secret_basic',
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }] },
    request_object_signing_alg: 'ES256',
    require_signed_request_object: true,
    authorization_signed_response_alg: 'ES256',
    id_token_signed_response_alg: 'ES256',
    scope: 'openid profile',
  };
  const registered = await oidc.dynamicClientRegistration(new URL(issuer), metadata);
  const client = registered.clientMetadata();
  const config = new oidc.Configuration(
    registered.serverMetadata(), client.client_id, client, oidc.ClientSecretBasic(client.client_secret),
  );
  // From here every request says response_mode=jwt, and only a signed answer is taken.
  oidc.useJwtResponseMode(config);
  oidc.enableNonRepudiationChecks(config);
  return { config, key: { key: privateKey, kid } };
}

/** A signed request, in the address or pushed. */
export async function begin({ config, key }, callback, { pushed = false } = {}) {
  const visit = { verifier: oidc.randomPKCECodeVerifier(), state: oidc.randomState(), nonce: oidc.randomNonce() };
  const parameters = {
    redirect_uri: callback,
    scope: 'openid profile',
    state: visit.state,
    nonce: visit.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(visit.verifier),
    code_challenge_method: 'S256',
  };
  const signed = await oidc.buildAuthorizationUrlWithJAR(config, parameters, key);
  return { url: pushed ? await oidc.buildAuthorizationUrlWithPAR(config, signed.searchParams) : signed, visit };
}

/** Verifies the signed answer, then exchanges its code. */
export const finish = ({ config }, address, { verifier, state, nonce }) =>
  oidc.authorizationCodeGrant(config, address, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce });

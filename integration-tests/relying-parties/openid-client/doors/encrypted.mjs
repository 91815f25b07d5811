// A portal whose answers nobody between can read: ID tokens, userinfo and introspection answers are signed, then
// encrypted to a key of the portal (JWE). Their algorithms are the client's choice.

import { exportJWK, generateKeyPair } from 'jose';
import * as oidc from 'openid-client';

const ALG = 'ECDH-ES+A256KW';
const ENC = 'A256GCM';

export async function register(issuer, callback) {
  const { privateKey, publicKey } = await generateKeyPair(ALG, { crv: 'P-256' });
  const kid = '2026-11-enc';
  const metadata = {
    client_name: 'Portal with sealed answers',
    redirect_uris: [callback],
    token_endpoint_auth_method: 'client_secret_basic',
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid, alg: ALG, use: 'enc' }] },
    id_token_signed_response_alg: 'ES256',
    id_token_encrypted_response_alg: ALG,
    id_token_encrypted_response_enc: ENC,
    userinfo_signed_response_alg: 'ES256',
    userinfo_encrypted_response_alg: ALG,
    userinfo_encrypted_response_enc: ENC,
    introspection_signed_response_alg: 'ES256',
    introspection_encrypted_response_alg: ALG,
    introspection_encrypted_response_enc: ENC,
    scope: 'openid profile',
  };
  const registered = await oidc.dynamicClientRegistration(new URL(issuer), metadata);
  const client = registered.clientMetadata();
  const config = new oidc.Configuration(
    registered.serverMetadata(), client.client_id, client, oidc.ClientSecretBasic(client.client_secret),
  );
  oidc.enableDecryptingResponses(config, [ENC], { key: privateKey, alg: ALG, kid });
  oidc.enableNonRepudiationChecks(config);
  return config;
}

export async function begin(config, callback) {
  const visit = { verifier: oidc.randomPKCECodeVerifier(), state: oidc.randomState(), nonce: oidc.randomNonce() };
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope: 'openid profile',
    state: visit.state,
    nonce: visit.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(visit.verifier),
    code_challenge_method: 'S256',
  });
  return { url, visit };
}

export const finish = (config, address, { verifier, state, nonce }) =>
  oidc.authorizationCodeGrant(config, address, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce });

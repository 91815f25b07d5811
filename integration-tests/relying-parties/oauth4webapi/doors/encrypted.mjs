// A portal whose answers are encrypted to it (JWE): the answer of the authorization endpoint (JARM), the ID token,
// userinfo, and what introspection says (RFC 9701). oauth4webapi leaves the decryption to a function of one's own; here
// jose does it.

import { compactDecrypt, exportJWK, generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';
import { register as registerAt } from './common.mjs';

const ALG = 'ECDH-ES';
const ENC = 'A128CBC-HS256';

export async function register(provider, callback) {
  const { privateKey, publicKey } = await generateKeyPair(ALG, { crv: 'P-256' });
  const metadata = { client_name: 'Portal with sealed answers', redirect_uris: [callback], scope: 'openid profile' };
  metadata.jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: '2026-11-enc', alg: ALG, use: 'enc' }] };
  for (const answer of ['authorization', 'id_token', 'userinfo', 'introspection']) {
    metadata[`${answer}_signed_response_alg`] = 'ES256';
    metadata[`${answer}_encrypted_response_alg`] = ALG;
    metadata[`${answer}_encrypted_response_enc`] = ENC;
  }
  const client = await registerAt(provider, metadata);
  return { client, sealed: { [oauth.jweDecrypt]: decryptWith(privateKey) } };
}

/** Nothing but what was registered is decrypted. */
export function decryptWith(key) {
  return async (jwe) => {
    const { plaintext } = await compactDecrypt(jwe, key, { keyManagementAlgorithms: [ALG], contentEncryptionAlgorithms: [ENC] });
    return new TextDecoder().decode(plaintext);
  };
}

export class Portal {
  constructor(provider, { client, sealed }, callback) {
    Object.assign(this, { provider, client, sealed, callback });
    this.authentication = oauth.ClientSecretBasic(client.client_secret);
  }

  async begin() {
    const visit = { verifier: oauth.generateRandomCodeVerifier(), state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce() };
    const url = new URL(this.provider.authorization_endpoint);
    url.search = new URLSearchParams({
      client_id: this.client.client_id,
      redirect_uri: this.callback,
      response_type: 'code',
      response_mode: 'jwt',
      scope: 'openid profile',
      state: visit.state,
      nonce: visit.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(visit.verifier),
      code_challenge_method: 'S256',
    });
    return { url, visit };
  }

  async finish(address, { verifier, state, nonce }) {
    const { provider, client, authentication, sealed } = this;
    const answer = await oauth.validateJwtAuthResponse(provider, client, address, state, sealed);
    const response = await oauth.authorizationCodeGrantRequest(provider, client, authentication, answer, this.callback, verifier);
    const options = { expectedNonce: nonce, requireIdToken: true, ...sealed };
    return oauth.processAuthorizationCodeResponse(provider, client, response, options);
  }

  async person(tokens) {
    const { provider, client, sealed } = this;
    const { sub } = oauth.getValidatedIdTokenClaims(tokens);
    const response = await oauth.userInfoRequest(provider, client, tokens.access_token);
    const person = await oauth.processUserInfoResponse(provider, client, sub, response, sealed);
    await oauth.validateApplicationLevelSignature(provider, response);
    return person;
  }

  /** What the provider says about a token, as a JWT: it can be shown to others later. */
  async ask(tokens) {
    const { provider, client, authentication, sealed } = this;
    const options = { requestJwtResponse: true };
    const response = await oauth.introspectionRequest(provider, client, authentication, tokens.access_token, options);
    const told = await oauth.processIntrospectionResponse(provider, client, response, sealed);
    await oauth.validateApplicationLevelSignature(provider, response);
    return told;
  }
}

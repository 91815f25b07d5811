// A portal that nobody between can read: its requests are encrypted to the provider (RFC 9101 6.1), and to the portal the
// answer of the authorization endpoint (JARM), the ID token, userinfo, and what introspection says (RFC 9701).
// oauth4webapi signs and verifies, and leaves encryption to functions of one's own; here jose does it.

import { CompactEncrypt, compactDecrypt, exportJWK, generateKeyPair, importJWK } from 'jose';
import * as oauth from 'oauth4webapi';
import { newKey, register as registerAt } from './common.mjs';

const ALG = 'ECDH-ES';
const ENC = 'A128CBC-HS256';

export async function register(provider, callback) {
  const { privateKey, publicKey } = await generateKeyPair(ALG, { crv: 'P-256' });
  const metadata = { client_name: 'Portal with sealed answers', redirect_uris: [callback], scope: 'openid profile' };
  const key = await newKey();
  metadata.jwks = { keys: [key.jwk, { ...(await exportJWK(publicKey)), kid: '2026-11-enc', alg: ALG, use: 'enc' }] };
  Object.assign(metadata, {
    require_signed_request_object: true,
    request_object_signing_alg: 'ES256',
    request_object_encryption_alg: ALG,
    request_object_encryption_enc: ENC,
  });
  for (const answer of ['authorization', 'id_token', 'userinfo', 'introspection']) {
    metadata[`${answer}_signed_response_alg`] = 'ES256';
    metadata[`${answer}_encrypted_response_alg`] = ALG;
    metadata[`${answer}_encrypted_response_enc`] = ENC;
  }
  const client = await registerAt(provider, metadata);
  return { client, key, sealed: { [oauth.jweDecrypt]: decryptWith(privateKey) } };
}

/** Nothing but what was registered is decrypted. */
export function decryptWith(key) {
  return async (jwe) => {
    const { plaintext } = await compactDecrypt(jwe, key, { keyManagementAlgorithms: [ALG], contentEncryptionAlgorithms: [ENC] });
    return new TextDecoder().decode(plaintext);
  };
}

/** Encrypts to the provider's key for this. */
export async function encryptTo(provider, text) {
  const { keys } = await (await fetch(provider.jwks_uri)).json();
  const jwk = keys.find((one) => one.use === 'enc' && one.alg === ALG);
  return new CompactEncrypt(new TextEncoder().encode(text))
    .setProtectedHeader({ alg: ALG, enc: ENC, cty: 'JWT', kid: jwk.kid })
    .encrypt(await importJWK(jwk, ALG));
}

export class Portal {
  constructor(provider, { client, key, sealed }, callback) {
    Object.assign(this, { provider, client, key, sealed, callback });
    this.authentication = oauth.ClientSecretBasic(client.client_secret);
  }

  async begin() {
    const visit = { verifier: oauth.generateRandomCodeVerifier(), state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce() };
    const { provider, client } = this;
    const parameters = {
      client_id: client.client_id,
      redirect_uri: this.callback,
      response_type: 'code',
      response_mode: 'jwt',
      scope: 'openid profile',
      state: visit.state,
      nonce: visit.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(visit.verifier),
      code_challenge_method: 'S256',
    };
    const signed = await oauth.issueRequestObject(provider, client, parameters, this.key.sign);
    const url = new URL(provider.authorization_endpoint);
    url.search = new URLSearchParams({ client_id: client.client_id, request: await encryptTo(provider, signed) });
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

// FAPI 2.0 Message Signing: requests signed (JAR) and pushed (PAR), answers signed (JARM), tokens bound to a key (DPoP),
// the client known by its key (private_key_jwt). The operator registers such a client: "profile" is agreed on.

import * as oauth from 'oauth4webapi';
import { newKey, withNonce } from './common.mjs';

/** What goes to the operator, and the key that stays. */
export async function registration(callback, more) {
  const key = await newKey();
  const metadata = {
    client_name: 'Portal under FAPI 2.0',
    profile: 'fapi2_message_signing',
    redirect_uris: [callback],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'private_key_jwt',
    request_object_signing_alg: 'ES256',
    authorization_signed_response_alg: 'ES256',
    id_token_signed_response_alg: 'ES256',
    dpop_bound_access_tokens: true,
    jwks: { keys: [key.jwk] },
    ...more,
  };
  return { metadata, key };
}

export class Portal {
  constructor(provider, client_id, key, callback) {
    this.provider = provider;
    this.client = { client_id, authorization_signed_response_alg: 'ES256', id_token_signed_response_alg: 'ES256' };
    this.key = key;
    this.authentication = oauth.PrivateKeyJwt(key.sign);
    this.callback = callback;
  }

  async begin(more = {}) {
    const { provider, client, authentication } = this;
    const visit = {
      verifier: oauth.generateRandomCodeVerifier(),
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      DPoP: oauth.DPoP(client, await oauth.generateKeyPair('ES256')),
    };
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
      ...more,
    };
    const request = await oauth.issueRequestObject(provider, client, parameters, this.key.sign);
    const { request_uri } = await withNonce(
      () => oauth.pushedAuthorizationRequest(provider, client, authentication, { request }, { DPoP: visit.DPoP }),
      (response) => oauth.processPushedAuthorizationResponse(provider, client, response),
    );
    const url = new URL(provider.authorization_endpoint);
    url.search = new URLSearchParams({ client_id: client.client_id, request_uri });
    return { url, visit };
  }

  async finish(address, { verifier, state, nonce, DPoP }) {
    const { provider, client, authentication } = this;
    // Signature, iss, aud, exp and state of the answer.
    const answer = await oauth.validateJwtAuthResponse(provider, client, address, state);
    return withNonce(
      () => oauth.authorizationCodeGrantRequest(provider, client, authentication, answer, this.callback, verifier, { DPoP }),
      async (response) => {
        const options = { expectedNonce: nonce, requireIdToken: true };
        const tokens = await oauth.processAuthorizationCodeResponse(provider, client, response, options);
        await oauth.validateApplicationLevelSignature(provider, response);
        return tokens;
      },
    );
  }

  /** Calls a service with a bound token. */
  call(tokens, url, { DPoP }, options = {}) {
    const send = () => oauth.protectedResourceRequest(tokens.access_token, 'GET', new URL(url), undefined, undefined, { DPoP, ...options });
    return withNonce(send, (response) => response);
  }

  async person(tokens, { DPoP }) {
    const { provider, client } = this;
    const { sub } = oauth.getValidatedIdTokenClaims(tokens);
    return withNonce(
      () => oauth.userInfoRequest(provider, client, tokens.access_token, { DPoP }),
      (response) => oauth.processUserInfoResponse(provider, client, sub, response),
    );
  }

  refresh(tokens, { DPoP }) {
    const { provider, client, authentication } = this;
    return withNonce(
      () => oauth.refreshTokenGrantRequest(provider, client, authentication, tokens.refresh_token, { DPoP }),
      (response) => oauth.processRefreshTokenResponse(provider, client, response),
    );
  }
}

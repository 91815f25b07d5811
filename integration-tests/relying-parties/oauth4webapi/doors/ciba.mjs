// A bank that asks a person by their phone under FAPI-CIBA: every request is signed, the client is known by its key, and
// its tokens are bound to one. The operator registers such a client: "ciba_profile" is agreed on.

import * as oauth from 'oauth4webapi';
import { newKey, poll, withNonce } from './common.mjs';

export async function registration() {
  const key = await newKey();
  const metadata = {
    client_name: 'Bank',
    ciba_profile: true,
    grant_types: ['urn:openid:params:grant-type:ciba'],
    response_types: [],
    backchannel_token_delivery_mode: 'poll',
    backchannel_authentication_request_signing_alg: 'ES256',
    token_endpoint_auth_method: 'private_key_jwt',
    id_token_signed_response_alg: 'ES256',
    jwks: { keys: [key.jwk] },
    scope: 'openid profile',
  };
  return { metadata, key };
}

/** The request is a JWT with every parameter inside; the library makes it as it makes those of the front channel. */
export async function begin({ provider, client, authentication, key }, login_hint, binding_message) {
  const parameters = { scope: 'openid profile', login_hint, binding_message };
  const request = await oauth.issueRequestObject(provider, client, parameters, key.sign);
  const response = await oauth.backchannelAuthenticationRequest(provider, client, authentication, { request });
  return oauth.processBackchannelAuthenticationResponse(provider, client, response);
}

export async function finish({ provider, client, authentication }, { auth_req_id, interval = 5 }) {
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
  const send = () => oauth.backchannelAuthenticationGrantRequest(provider, client, authentication, auth_req_id, { DPoP });
  const read = (response) => oauth.processBackchannelAuthenticationGrantResponse(provider, client, response);
  return poll(interval, () => withNonce(send, read), (tokens) => tokens);
}

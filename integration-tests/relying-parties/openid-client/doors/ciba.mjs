// A counter that asks a person by their phone (CIBA, poll): no browser of the person is involved.

import * as oidc from 'openid-client';

export async function register(issuer) {
  const metadata = {
    client_name: 'Counter',
    client_uri: 'https://counter.example',
    grant_types: ['urn:openid:params:grant-type:ciba'],
    response_types: [],
    backchannel_token_delivery_mode: 'poll',
    token_endpoint_auth_method: 'client_secret_post',
    id_token_signed_response_alg: 'ES256',
    scope: 'openid profile',
  };
  return oidc.dynamicClientRegistration(new URL(issuer), metadata, undefined, { execute: [oidc.enableNonRepudiationChecks] });
}

/** `message` stands on both screens, so that the person can compare. */
export const begin = (config, login_hint, message) =>
  oidc.initiateBackchannelAuthentication(config, { scope: 'openid profile', login_hint, binding_message: message });

export const finish = (config, asked) => oidc.pollBackchannelAuthenticationGrant(config, asked);

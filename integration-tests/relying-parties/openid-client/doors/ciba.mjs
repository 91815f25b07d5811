// A counter that asks a person by their phone (CIBA): no browser of the person is involved. It asks the provider again
// and again (poll), or is told when there is an answer (ping).

import * as oidc from 'openid-client';

const GRANT = 'urn:openid:params:grant-type:ciba';

/** @param {string} [told] an https address of ours, for ping */
export async function register(issuer, told) {
  const metadata = {
    client_name: 'Counter',
    client_uri: 'https://counter.example',
    grant_types: [GRANT],
    response_types: [],
    backchannel_token_delivery_mode: told ? 'ping' : 'poll',
    ...(told && { backchannel_client_notification_endpoint: told }),
    token_endpoint_auth_method: 'client_secret_post',
    id_token_signed_response_alg: 'ES256',
    scope: 'openid profile',
  };
  return oidc.dynamicClientRegistration(new URL(issuer), metadata, undefined, { execute: [oidc.enableNonRepudiationChecks] });
}

/** `message` stands on both screens, so that the person can compare. `more`: what ping needs. */
export const begin = (config, login_hint, message, more) =>
  oidc.initiateBackchannelAuthentication(config, { scope: 'openid profile', login_hint, binding_message: message, ...more });

export const finish = (config, asked) => oidc.pollBackchannelAuthenticationGrant(config, asked);

/** For ping: a secret of ours, by which we know the provider when it calls. */
export const secret = () => ({ client_notification_token: oidc.randomState() });

/** Whether a call is the provider's, about this request (CIBA 10.2). */
export const isPing = ({ auth_req_id }, { client_notification_token }, headers, body) =>
  headers.authorization === `Bearer ${client_notification_token}` && JSON.parse(body).auth_req_id === auth_req_id;

/** After a ping: one question is enough. */
export const fetchTokens = (config, { auth_req_id }) => oidc.genericGrantRequest(config, GRANT, { auth_req_id });

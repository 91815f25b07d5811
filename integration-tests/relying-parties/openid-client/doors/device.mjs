// A screen without a keyboard (RFC 8628): it shows a code, the person types it in on a device of their own.

import * as oidc from 'openid-client';

export async function register(issuer) {
  const metadata = {
    client_name: 'Queue display',
    client_uri: 'https://queue.example',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
    response_types: [],
    token_endpoint_auth_method: 'none',
    id_token_signed_response_alg: 'ES256',
    scope: 'openid profile',
  };
  return oidc.dynamicClientRegistration(new URL(issuer), metadata, oidc.None(), { execute: [oidc.enableNonRepudiationChecks] });
}

/** Show `user_code` and `verification_uri`; `verification_uri_complete` as a QR code. */
export const begin = (config) => oidc.initiateDeviceAuthorization(config, { scope: 'openid profile' });

/** Asks, as often as the provider allows, until the person has answered. */
export const finish = (config, asked) => oidc.pollDeviceAuthorizationGrant(config, asked);

// A screen without a keyboard (RFC 8628).

import * as oauth from 'oauth4webapi';
import { poll, register as registerAt } from './common.mjs';

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

export const register = (provider) =>
  registerAt(provider, {
    client_name: 'Reader at the counter',
    client_uri: 'https://reader.example',
    grant_types: [GRANT],
    response_types: [],
    token_endpoint_auth_method: 'none',
    scope: 'openid profile',
  });

export async function begin(provider, client) {
  const response = await oauth.deviceAuthorizationRequest(provider, client, oauth.None(), { scope: 'openid profile' });
  return oauth.processDeviceAuthorizationResponse(provider, client, response);
}

export const finish = (provider, client, { device_code, interval }) =>
  poll(
    interval,
    () => oauth.deviceCodeGrantRequest(provider, client, oauth.None(), device_code),
    (response) => oauth.processDeviceCodeResponse(provider, client, response),
  );

// A service that was called with a person's token calls the next one in the person's name (RFC 8693). openid-client has
// no function of its own for this grant; the generic one does.

import * as oidc from 'openid-client';

/**
 * @param config the service's own
 * @param token the access token that it was called with
 * @param resource the service to call
 */
export const exchange = (config, token, resource, scope) =>
  oidc.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', {
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    resource,
    scope,
  });

// A service that was called with a person's token calls the next one in the person's name (RFC 8693). Its own tokens are
// bound to its key, and so is what it gets here.

import * as oauth from 'oauth4webapi';
import { withNonce } from './common.mjs';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

export function exchange({ provider, client, authentication, DPoP }, token, resource, scope) {
  const parameters = { subject_token: token, subject_token_type: ACCESS_TOKEN, resource, scope };
  const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
  return withNonce(
    () => oauth.genericTokenEndpointRequest(provider, client, authentication, grant, parameters, { DPoP }),
    (response) => oauth.processGenericTokenEndpointResponse(provider, client, response),
  );
}

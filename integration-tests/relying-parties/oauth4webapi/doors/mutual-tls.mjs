// A service that proves itself by a certificate of its own making (RFC 8705 2.2): the provider knows it by the key in
// the registration. Its tokens work only beside that certificate.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as oauth from 'oauth4webapi';
import { Agent, fetch } from 'undici';
import { register as registerAt } from './common.mjs';

/** A `fetch` that shows the certificate. */
export function fetchWith(certificate, key, authorities = process.env.NODE_EXTRA_CA_CERTS) {
  const ca = authorities && { ca: readFileSync(authorities) };
  const dispatcher = new Agent({ connect: { cert: readFileSync(certificate), key: readFileSync(key), ...ca } });
  return (url, options) => fetch(url, { ...options, dispatcher });
}

export async function register(provider, certificate) {
  const own = new X509Certificate(readFileSync(certificate));
  const { kty, crv, x, y } = own.publicKey.export({ format: 'jwk' });
  const client = await registerAt(provider, {
    client_name: 'Service with a certificate of its own',
    client_uri: 'https://service.example',
    grant_types: ['client_credentials'],
    response_types: [],
    token_endpoint_auth_method: 'self_signed_tls_client_auth',
    tls_client_certificate_bound_access_tokens: true,
    jwks: { keys: [{ kty, crv, x, y, kid: own.serialNumber, x5c: [own.raw.toString('base64')] }] },
  });
  // A word for the library: call the addresses at which certificates are asked for.
  return { ...client, use_mtls_endpoint_aliases: true };
}

/** A token of the service itself. */
export async function token(provider, client, customFetch, parameters = {}) {
  const options = { [oauth.customFetch]: customFetch };
  const response = await oauth.clientCredentialsGrantRequest(provider, client, oauth.TlsClientAuth(), parameters, options);
  return oauth.processClientCredentialsResponse(provider, client, response);
}

/** Whether a token counts, and to which certificate it belongs (`cnf`). */
export async function ask(provider, client, customFetch, accessToken) {
  const options = { [oauth.customFetch]: customFetch };
  const response = await oauth.introspectionRequest(provider, client, oauth.TlsClientAuth(), accessToken, options);
  return oauth.processIntrospectionResponse(provider, client, response);
}

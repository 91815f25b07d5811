// A service that proves itself by its certificate (RFC 8705) and gets tokens that work only beside that certificate.

import { readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import * as oidc from 'openid-client';
import { Agent, fetch } from 'undici';

/** A `fetch` that shows the certificate. openid-client calls the addresses under `mtls_endpoint_aliases` with it. */
export function fetchWith(certificate, key, authorities = process.env.NODE_EXTRA_CA_CERTS) {
  const connect = { cert: readFileSync(certificate), key: readFileSync(key) };
  if (authorities) connect.ca = readFileSync(authorities);
  const dispatcher = new Agent({ connect });
  return (url, options) => fetch(url, { ...options, dispatcher });
}

/** A certificate by an authority that the provider trusts: the client is known by the one name that it registers. */
export async function register(issuer, callback, certificate, customFetch) {
  const [, host] = /DNS:([^,]+)/.exec(new X509Certificate(readFileSync(certificate)).subjectAltName);
  const metadata = {
    client_name: 'Service with a certificate',
    redirect_uris: [callback],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_san_dns: host,
    tls_client_certificate_bound_access_tokens: true,
    id_token_signed_response_alg: 'ES256',
    scope: 'openid profile',
  };
  const registered = await oidc.dynamicClientRegistration(new URL(issuer), metadata, oidc.TlsClientAuth());
  // A word for the library, not for the provider: call the addresses at which certificates are asked for.
  const client = { ...registered.clientMetadata(), use_mtls_endpoint_aliases: true };
  const config = new oidc.Configuration(registered.serverMetadata(), client.client_id, client, oidc.TlsClientAuth());
  config[oidc.customFetch] = customFetch;
  oidc.enableNonRepudiationChecks(config);
  return config;
}

export async function begin(config, callback) {
  const visit = { verifier: oidc.randomPKCECodeVerifier(), state: oidc.randomState(), nonce: oidc.randomNonce() };
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope: 'openid profile',
    state: visit.state,
    nonce: visit.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(visit.verifier),
    code_challenge_method: 'S256',
  });
  return { url, visit };
}

export const finish = (config, address, { verifier, state, nonce }) =>
  oidc.authorizationCodeGrant(config, address, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce });

export const person = (config, tokens) => oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);

// The other side: a service that is called with access tokens. It checks signature, issuer, audience and times of the
// token (RFC 9068), and the proof of possession that belongs to it (RFC 9449).

import * as oauth from 'oauth4webapi';

/** A service under `resource`; its answer says for whom it would work. */
export function service(provider, resource) {
  return async function answer(request) {
    try {
      const token = await oauth.validateJwtAccessToken(provider, request, resource, {
        requireDPoP: true,
        signingAlgorithms: ['ES256'],
      });
      if (!token.scope?.split(' ').includes('records:read')) return refuse(403, 'insufficient_scope');
      return Response.json({ for: token.sub, by: token.client_id, act: token.act });
    } catch (error) {
      if (error instanceof oauth.WWWAuthenticateChallengeError || error.code) return refuse(401, 'invalid_token');
      throw error;
    }
  };
}

const refuse = (status, error) =>
  new Response(null, { status, headers: { 'www-authenticate': `DPoP error="${error}", algs="ES256"` } });

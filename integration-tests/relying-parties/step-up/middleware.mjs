// What an API puts before a page that needs a stronger or newer sign-in (RFC 9470). It reads the claims of an access token
// that was verified already, or the answer of introspection: both say the same.

/** The provider's levels, the weakest first (`acr_values_supported` of its discovery document). */
const LEVELS = [1, 2, 3, 4].map((level) => `urn:dinhdanh:acr:${level}`);
/** Clocks differ by a few seconds. */
const SKEW_SECONDS = 5;

/**
 * What a sign-in lacks: `null` when it suffices.
 * @param {{acr?: string, auth_time?: number}} claims of a verified token
 * @param {{acr?: string, maxAge?: number}} needs the weakest acr that will do; the oldest sign-in, in seconds
 */
export function lacking(claims, needs, now = Date.now() / 1000) {
  const lacks = {};
  const weak = needs.acr && LEVELS.indexOf(claims.acr) < LEVELS.indexOf(needs.acr);
  if (weak) lacks.acr_values = needs.acr;
  const age = now - (claims.auth_time ?? -Infinity);
  if (needs.maxAge !== undefined && age > needs.maxAge + SKEW_SECONDS) lacks.max_age = String(needs.maxAge);
  return Object.keys(lacks).length ? lacks : null;
}

/** The challenge of RFC 9470 section 3. Its values are ours: nothing of the request is repeated. */
export function challenge(lacks) {
  const description = lacks.acr_values ? 'A stronger sign-in is needed.' : 'A newer sign-in is needed.';
  const members = { error: 'insufficient_user_authentication', error_description: description, ...lacks };
  return `Bearer ${Object.entries(members).map(([name, value]) => `${name}="${value}"`).join(', ')}`;
}

/**
 * A handler of node:http behind both checks.
 * @param verify gives the claims of a request's token, or throws
 */
export function needing(verify, needs, handler) {
  return async (request, response) => {
    const refuse = (authenticate) => response.writeHead(401, { 'www-authenticate': authenticate }).end();
    if (!request.headers.authorization) return refuse('Bearer');
    let claims;
    try {
      claims = await verify(request);
    } catch {
      return refuse('Bearer error="invalid_token"');
    }
    const lacks = lacking(claims, needs);
    return lacks ? refuse(challenge(lacks)) : handler(request, response, claims);
  };
}

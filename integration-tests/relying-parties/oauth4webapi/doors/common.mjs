// What every door begins with: the provider's metadata, a key of the client's own, a registration.

import * as oauth from 'oauth4webapi';

export async function discover(issuer) {
  const address = new URL(issuer);
  return oauth.processDiscoveryResponse(address, await oauth.discoveryRequest(address));
}

/** A key for signatures: `sign` stays here, `jwk` is for the registration. */
export async function newKey(alg = 'ES256') {
  const { privateKey, publicKey } = await oauth.generateKeyPair(alg);
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  const kid = crypto.randomUUID();
  return { sign: { key: privateKey, kid }, jwk: { kty, crv, x, y, kid, alg, use: 'sig' } };
}

/** Registers over the wire (RFC 7591). A real portal does this once and keeps what comes back. */
export async function register(provider, metadata) {
  const response = await oauth.dynamicClientRegistrationRequest(provider, { id_token_signed_response_alg: 'ES256', ...metadata });
  return oauth.processDynamicClientRegistrationResponse(response);
}

/** Sends again, once, when the provider wants its nonce in the proof; the handle has learnt it by then (RFC 9449 8). */
export async function withNonce(send, read) {
  try {
    return await read(await send());
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return read(await send());
  }
}

/** Polls as often as the provider allows: what devices and CIBA have in common. */
export async function poll(interval, send, read) {
  for (;;) {
    await new Promise((later) => setTimeout(later, interval * 1000));
    try {
      return await read(await send());
    } catch (error) {
      if (error.error === 'slow_down') interval += 5;
      else if (error.error !== 'authorization_pending') throw error;
    }
  }
}

// A single-page app: no server, no secret. PKCE binds the code to this tab, and the refresh token changes at each use.
// The script before this one is oidc-client-ts's browser build, which brings the global `oidc`.

const show = (state, person = '') => {
  document.querySelector('#state').textContent = state;
  document.querySelector('#person').textContent = person && JSON.stringify(person, null, 2);
};

async function start() {
  const { issuer } = await (await fetch('/settings.json')).json();
  const manager = new oidc.UserManager({
    authority: issuer,
    client_id: 'oidc-client-ts-example',
    redirect_uri: `${location.origin}/callback`,
    post_logout_redirect_uri: `${location.origin}/`,
    scope: 'openid profile levels',
    loadUserInfo: true,
    // Keep acr, amr and auth_time: an app decides by them.
    filterProtocolClaims: false,
    // In this tab only: another tab, or the next visit, asks the provider again, who knows the person.
    userStore: new oidc.WebStorageStateStore({ store: sessionStorage }),
    // Before an access token ends, its successor is fetched with the refresh token. The provider's pages do not open
    // in frames, and need not.
    automaticSilentRenew: true,
    // Signing out gives the refresh token back first.
    revokeTokensOnSignout: true,
  });

  const on = (id, act) => document.querySelector(id).addEventListener('click', () => act().catch(failed));
  const failed = (error) => show(`failed: ${error.error ?? error.message}`);
  const signedIn = (user) => {
    const { name, sub, acr, identity_level, authentication_level } = user.profile;
    show('signed in', { name, sub, acr, identity_level, authentication_level });
  };

  on('#login', () => manager.signinRedirect({ nonce: crypto.randomUUID() }));
  on('#refresh', async () => {
    show('asking again');
    signedIn(await manager.signinSilent());
  });
  on('#revoke', async () => {
    await manager.revokeTokens(['refresh_token', 'access_token']);
    await manager.removeUser();
    show('access given up');
  });
  on('#logout', () => manager.signoutRedirect());

  try {
    if (location.pathname === '/callback') {
      // The library checks state, PKCE and nonce. The ID token came straight from the provider's token endpoint, so
      // TLS stands for its signature (OpenID Connect Core 3.1.3.7).
      const from = new URLSearchParams(location.search).get('iss');
      if (from !== issuer) throw new Error('an answer of another provider'); // RFC 9207
      await manager.signinCallback();
      history.replaceState(null, '', '/');
    }
    const user = await manager.getUser();
    if (user) signedIn(user);
    else show('signed out');
  } catch (error) {
    failed(error);
  }
}

start();

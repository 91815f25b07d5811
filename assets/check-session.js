// OpenID Connect Session Management 1.0 section 3.2: says whether the sign-in in this browser is still the one that a
// page was told of. It tells no more than yes, no, or that it cannot know.
const answer = async (text, origin) => {
  const [client, state, more] = String(text).split(' ');
  const salt = state?.split('.')[1];
  if (!client || !salt || more !== undefined) return 'error';
  const kept = /(?:^|; )__Host-browser-state=([^;]*)/.exec(document.cookie)?.[1] ?? '';
  // Kept from us by the browser: "changed" would have the page ask again and again (section 3.1).
  if (!kept && document.hasStorageAccess && !(await document.hasStorageAccess())) return 'error';
  const bytes = new TextEncoder().encode(`${client} ${origin} ${kept} ${salt}`);
  const digest = String.fromCharCode(...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
  const hash = btoa(digest).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  return `${hash}.${salt}` === state ? 'unchanged' : 'changed';
};

addEventListener('message', async ({ data, origin, source }) => {
  if (!source || !origin || origin === 'null') return;
  source.postMessage(await answer(data, origin).catch(() => 'error'), origin);
});

// Passkeys: the page's forms say where to ask for options and where the result goes.
const forms = [...document.querySelectorAll('form[data-passkey]')];
const supported = 'PublicKeyCredential' in window && 'credentials' in navigator;

const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
const toText = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const withBytes = (list) => list?.map((entry) => ({ ...entry, id: toBytes(entry.id) }));

function readOptions(kind, json) {
  if (kind === 'get') {
    return PublicKeyCredential.parseRequestOptionsFromJSON?.(json)
      ?? { ...json, challenge: toBytes(json.challenge), allowCredentials: withBytes(json.allowCredentials) };
  }
  return PublicKeyCredential.parseCreationOptionsFromJSON?.(json) ?? {
    ...json,
    challenge: toBytes(json.challenge),
    user: { ...json.user, id: toBytes(json.user.id) },
    excludeCredentials: withBytes(json.excludeCredentials),
  };
}

function writeCredential(credential) {
  if (credential.toJSON) return credential.toJSON();
  const { response } = credential;
  const out = {};
  for (const name of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (response[name]) out[name] = toText(response[name]);
  }
  if (response.getTransports) out.transports = response.getTransports();
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: out,
  };
}

async function ask(form, conditional) {
  const body = new URLSearchParams({ csrf: form.elements.csrf.value });
  if (conditional) body.set('conditional', '1');
  const answer = await fetch(form.dataset.options, { method: 'POST', body });
  if (!answer.ok) throw new DOMException('', 'NetworkError');
  return (await answer.json()).publicKey;
}

let waiting = null;

async function ceremony(form, conditional) {
  const kind = form.dataset.passkey;
  const json = await ask(form, conditional);
  waiting?.abort();
  waiting = new AbortController();
  const request = { publicKey: readOptions(kind, json), signal: waiting.signal };
  if (conditional) request.mediation = 'conditional';
  return writeCredential(await navigator.credentials[kind](request));
}

function finish(form, credential, error, action) {
  form.elements.credential.value = credential ? JSON.stringify(credential) : '';
  form.elements.error.value = error;
  if (action && form.dataset.passkey === 'create') {
    const field = Object.assign(document.createElement('input'), { type: 'hidden', name: 'action', value: action });
    form.append(field);
  }
  form.submit();
}

let busy = false;
for (const form of forms) {
  if (!supported) {
    // Signing in has other ways; making a passkey leaves its other buttons, such as "later".
    const target = form.dataset.passkey === 'get' ? form : form.querySelector('[value=create]');
    target.hidden = true;
    continue;
  }
  form.addEventListener('submit', async (event) => {
    const action = event.submitter?.value;
    const shared = form.elements.shared;
    const plain = form.dataset.passkey === 'create' && (action !== 'create' || (shared && shared.value !== 'no'));
    if (plain) {
      form.elements.error.value = '';
      return;
    }
    event.preventDefault();
    if (busy) return;
    busy = true;
    try {
      finish(form, await ceremony(form, false), '', action);
    } catch (problem) {
      finish(form, null, problem.name || 'Error', action);
    }
  });
}

// Suggestions in the identifier field; silence when the person does something else.
const quiet = forms.find((form) => 'conditional' in form.dataset);
if (supported && quiet && await PublicKeyCredential.isConditionalMediationAvailable?.().catch(() => false)) {
  ceremony(quiet, true).then((credential) => busy || finish(quiet, credential, ''), () => {});
}

// Tell the browser which passkeys are gone (WebAuthn 3 signal methods).
const unknown = document.querySelector('[data-unknown-credential]')?.dataset;
if (supported && unknown) {
  PublicKeyCredential.signalUnknownCredential?.({ rpId: unknown.rp, credentialId: unknown.unknownCredential })
    .catch(() => {});
}
const accepted = document.querySelector('[data-accepted]')?.dataset;
if (supported && accepted) {
  PublicKeyCredential.signalAllAcceptedCredentials?.({
    rpId: accepted.rp,
    userId: accepted.user,
    allAcceptedCredentialIds: accepted.accepted.split(' ').filter(Boolean),
  }).catch(() => {});
}

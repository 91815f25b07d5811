// Small helpers; every page works without them.
const all = (selector) => document.querySelectorAll(selector);

// What needs a script is hidden until one runs.
for (const button of all('[data-copy]')) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener('click', async () => {
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.textContent.trim());
    const before = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = before; }, 2000);
  });
}

for (const button of all('[data-print]')) {
  button.hidden = false;
  button.addEventListener('click', () => print());
}

for (const button of all('[data-reveal]')) {
  const field = document.getElementById(button.dataset.reveal);
  const status = document.getElementById(button.dataset.reveal + '-status');
  const show = button.textContent;
  const set = (shown) => {
    field.type = shown ? 'text' : 'password';
    button.textContent = shown ? button.dataset.hide : show;
    button.setAttribute('aria-pressed', shown);
  };
  button.hidden = false;
  button.addEventListener('click', () => {
    const shown = field.type === 'password';
    set(shown);
    status.textContent = shown ? button.dataset.on : button.dataset.off;
  });
  // A password manager should see a password field.
  field.form.addEventListener('submit', () => set(false));
}

// Back to the portal once the frames that sign out elsewhere have loaded, or after five seconds.
const onward = document.querySelector('[data-onward]');
if (onward) {
  const go = () => location.replace(onward.href);
  addEventListener('load', go);
  setTimeout(go, 5000);
}

// A page that waits looks again; without a script its meta element does.
const waits = document.querySelector('[data-refresh]');
if (waits) setTimeout(() => location.replace(location.href), Number(waits.dataset.refresh) * 1000);

// One submit is enough: a second click within four seconds is dropped.
for (const form of all('form:not([method=dialog])')) {
  let sent = 0;
  form.addEventListener('submit', (event) => {
    const now = Date.now();
    if (now - sent < 4000 && !form.dataset.passkey) event.preventDefault();
    else sent = now;
  });
}

// Chrome on Android hands over the code of a message bound to this host.
const otp = document.querySelector('form[data-otp]');
if (otp && 'OTPCredential' in window) {
  const stop = new AbortController();
  otp.addEventListener('submit', () => stop.abort());
  navigator.credentials.get({ otp: { transport: ['sms'] }, signal: stop.signal }).then((found) => {
    otp.elements.code.value = found.code;
    otp.requestSubmit();
  }, () => {});
}

document.querySelector('.summary')?.focus();

// The session ends by itself; ask two minutes before.
const dialog = document.getElementById('idle');
if (dialog?.showModal) {
  const total = Number(dialog.dataset.seconds);
  const warn = Math.max(total - 120, total / 2);
  const status = dialog.querySelector('[role=status]');
  let since = Date.now();
  let told = 0;
  // What is typed goes ahead: it comes back on this page after the sign-in. Passwords and codes are never taken.
  const leave = () => {
    const form = dialog.dataset.keep && document.querySelector('main form[method=post]:not(.leave)');
    if (!form) return location.assign(location.pathname);
    for (const field of form.querySelectorAll('[type=password], .code')) field.disabled = true;
    form.insertAdjacentHTML('beforeend', '<input type="hidden" name="page">');
    form.elements.page.value = location.pathname;
    form.action = dialog.dataset.keep;
    form.submit();
  };
  let left = false;
  const tick = () => {
    const passed = (Date.now() - since) / 1000;
    if (passed >= total && !left) {
      left = true;
      return leave();
    }
    if (left) return;
    if (passed < warn) return;
    if (!dialog.open) dialog.showModal();
    const minutes = Math.ceil((total - passed) / 60);
    if (minutes !== told) {
      told = minutes;
      status.textContent = status.dataset.left.replace('{n}', minutes);
    }
  };
  setInterval(tick, 5000);
  dialog.addEventListener('close', async () => {
    // Any request keeps the session; one that has ended answers with a redirect.
    const answer = await fetch(location.pathname, { method: 'HEAD', redirect: 'manual' }).catch(() => null);
    if (!answer?.ok) return leave();
    since = Date.now();
    told = 0;
  });
}

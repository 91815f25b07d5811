// A citizen without JavaScript: a cookie jar and a reader of forms that walks the provider's pages over plain HTTP.
// It knows pages by their form actions and field names, never by their words.

import { request as http } from 'node:http';
import { request as https } from 'node:https';
import { parse } from 'node-html-parser';
import { codeWatch, patientCode, totp } from './demo-info.mjs';

const MOST_STEPS = 30;

export class Citizen {
  /**
   * @param demo what `startDemo` gave
   * @param person from `personOf`
   * @param plan how this person answers:
   *   methods: ways to sign in, the dearest first; consent: accept | refuse; session: continue | switch | cancel;
   *   stepUp: password | cancel
   */
  constructor(demo, person, plan = {}) {
    this.demo = demo;
    this.person = person;
    this.plan = { methods: ['sms', 'voice'], consent: 'accept', session: 'continue', stepUp: 'password', ...plan };
    this.cookies = new Map();
    /** Paths of the pages seen, the flow's handle cut out: `/signin/*` then `/code`. */
    this.seen = [];
  }

  /** The same person in the same browser, who answers otherwise. */
  but(plan) {
    const other = new Citizen(this.demo, this.person, { ...this.plan, ...plan });
    other.cookies = this.cookies;
    return other;
  }

  /** One request, no redirect followed. */
  async send(method, url, form) {
    const target = new URL(url);
    const jar = this.cookies.get(target.hostname) ?? new Map();
    const headers = { accept: 'text/html,*/*;q=0.8', 'accept-language': 'vi', 'sec-fetch-mode': 'navigate' };
    if (jar.size > 0) headers.cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    if (method === 'POST') headers.origin = target.origin;
    if (form) headers['content-type'] = 'application/x-www-form-urlencoded';
    const answer = await exchange(target, { method, headers }, form && String(new URLSearchParams(form)));
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const [name, ...value] = pair.split('=');
      if (attributes.some(ended)) jar.delete(name);
      else jar.set(name, value.join('='));
    }
    this.cookies.set(target.hostname, jar);
    const { location, 'content-type': type = '' } = answer.headers;
    return { url: target, status: answer.status, to: location ? new URL(location, target) : null, type, text: answer.text };
  }

  /** Opens an address and follows redirects within its own origin. */
  async open(url) {
    const { origin } = new URL(url);
    let answer = await this.send('GET', url);
    for (let hop = 0; answer.to?.origin === origin && hop < MOST_STEPS; hop += 1) {
      answer = await this.send('GET', answer.to);
    }
    return answer;
  }

  /**
   * Walks from an authorization (or logout) request until the provider sends the browser away or shows a page with
   * nothing to answer.
   * @returns `{ kind: 'redirect', url }`, `{ kind: 'form_post', url, fields }` or `{ kind: 'page', status, title, text }`
   */
  async walk(url) {
    const issuer = new URL(this.demo.info.issuer).origin;
    this.watch = undefined;
    let answer = await this.send('GET', url);
    for (let step = 0; step < MOST_STEPS; step += 1) {
      if (answer.to && answer.to.origin !== issuer) return { kind: 'redirect', url: answer.to };
      if (answer.to) {
        answer = await this.send('GET', answer.to);
        continue;
      }
      const page = new Page(answer);
      this.seen.push(answer.url.pathname.replace(/^(\/(?:signin|create)\/)[^/]+/, '$1*'));
      const foreign = page.foreignForm(issuer);
      if (foreign) return { kind: 'form_post', ...foreign };
      const away = page.foreignLink(issuer);
      const next = answer.status === 422 ? null : await this.answerPage(page);
      if (next) answer = next;
      else if (away && answer.url.pathname.startsWith('/signin/')) return { kind: 'redirect', url: away };
      else return { kind: 'page', status: answer.status, title: page.title, text: page.text };
    }
    throw new Error(`no end after ${MOST_STEPS} pages: ${this.seen.join(' ')}`);
  }

  /** Answers one page; null when it asks nothing this citizen knows. */
  async answerPage(page) {
    const { person, plan } = this;
    const press = (form, fields = {}) => this.send('POST', form.action, page.submit(form, fields));
    let form;
    if ((form = page.form(/^\/signin\/[^/]+$/, 'identifier'))) {
      await this.expectCode();
      return press(form, { identifier: person.number });
    }
    if ((form = page.form(/^\/signin\/[^/]+$/, 'recognised'))) {
      await this.expectCode();
      return press(form);
    }
    if ((form = page.form(/\/method$/, 'method'))) {
      const offered = page.values(form, 'method');
      const method = plan.methods.find((wish) => offered.includes(wish)) ?? offered[0];
      await this.expectCode();
      return press(form, { method });
    }
    if ((form = page.form(/\/code$/, 'code'))) {
      if (!this.watch) throw new Error('a code page came without a page that causes a code');
      return this.enterCode(page, form);
    }
    if ((form = page.form(/\/totp$/, 'code'))) return press(form, { code: await totp(person.totpSecret) });
    if ((form = page.form(/\/password$/, 'password'))) {
      await this.expectCode();
      return press(form, { password: person.password });
    }
    if ((form = page.form(/\/continue$/, 'action'))) {
      await this.expectCode();
      return press(form, { action: plan.session });
    }
    if ((form = page.form(/\/consent$/, 'action'))) return press(form, { action: plan.consent });
    // The code of another device, which the address filled in.
    if ((form = page.form(/^\/device$/, 'user_code'))) return press(form);
    // "Does somebody tell you to do this?"
    if ((form = page.form(/\/asked$/, 'answer'))) return press(form, { answer: plan.consent === 'accept' ? 'no' : 'refuse' });
    if ((form = page.form(/\/decide$/, 'action'))) return press(form, { action: plan.consent === 'accept' ? 'allow' : 'deny' });
    if ((form = page.button('skip'))) return press(form, { action: 'skip', error: '' });
    const onStepUp = /\/step-up$/.test(page.url.pathname);
    if (onStepUp && plan.stepUp === 'password' && (form = page.button('password'))) {
      return press(form, { action: 'password' });
    }
    if ((form = page.form(/\/step-up$/, 'action'))) return press(form, { action: 'cancel' });
    if ((form = page.form(/\/logout\/confirm$/, 'action'))) return press(form, { action: 'all' });
    return null;
  }

  async enterCode(page, form) {
    let current = { page, form };
    const code = await patientCode(this.watch, async () => {
      const again = new Page(await this.send('GET', page.url));
      const resend = again.form(/\/code\/resend$/, 'channel');
      if (!resend) return false;
      const [channel] = again.values(resend, 'channel');
      const answer = await this.send('POST', resend.action, again.submit(resend, { channel }));
      const next = answer.to ? new Page(await this.send('GET', answer.to)) : new Page(answer);
      current = { page: next, form: next.form(/\/code$/, 'code') };
      return Boolean(current.form);
    });
    return this.send('POST', current.form.action, current.page.submit(current.form, { code }));
  }

  /** Looks at the inbox before a code may be sent. */
  async expectCode() {
    const { code } = this.person;
    this.watch = code ? { next: async () => code } : await codeWatch(this.demo, this.person.phone);
  }
}

/** Whether this attribute takes a cookie away. */
function ended(attribute) {
  const [name, value] = attribute.split('=');
  return /^max-age$/i.test(name) ? Number(value) <= 0 : /^expires$/i.test(name) && Date.parse(value) <= Date.now();
}

/** One request over a plain socket: `fetch` would say that a script asks, not a person who follows a link. */
function exchange(url, options, body) {
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? https : http;
    const sent = request(url, options, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => {
        resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString() });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** An HTML page and its forms. */
class Page {
  constructor(answer) {
    this.url = answer.url;
    this.root = parse(answer.text);
    this.title = this.root.querySelector('title')?.text.trim() ?? '';
    this.text = (this.root.querySelector('main') ?? this.root).text.replace(/\s+/g, ' ').trim();
  }

  at(form) {
    return new URL(form.getAttribute('action') || this.url.href, this.url);
  }

  controls(form, name) {
    return form.querySelectorAll(`[name="${name}"]`);
  }

  /** The form whose action's path fits and that has a control of this name. */
  form(path, control) {
    const found = this.root
      .querySelectorAll('form')
      .find((form) => path.test(this.at(form).pathname) && this.controls(form, control).length > 0);
    return found ? { action: this.at(found), element: found } : undefined;
  }

  /** The form with a button `name=action` of this value. */
  button(value) {
    const found = this.root.querySelectorAll('form').find((form) => form.querySelector(`button[value="${value}"]`));
    return found ? { action: this.at(found), element: found } : undefined;
  }

  values(form, name) {
    return this.controls(form.element, name).map((control) => control.getAttribute('value'));
  }

  /** The form that posts the answer to a client (form_post response mode). */
  foreignForm(issuer) {
    const form = this.root.querySelectorAll('form').find((candidate) => this.at(candidate).origin !== issuer);
    if (!form) return null;
    return { url: this.at(form), fields: this.submit({ element: form }) };
  }

  /** The button-like link back to a client. */
  foreignLink(issuer) {
    const links = this.root.querySelectorAll('main a.button[href]');
    return links.map((link) => new URL(link.getAttribute('href'), this.url)).find((link) => link.origin !== issuer);
  }

  /** What a browser would send: the controls as they are, changed by `fields`. */
  submit(form, fields = {}) {
    const sent = new Map();
    for (const input of form.element.querySelectorAll('input[name]')) {
      const type = (input.getAttribute('type') ?? 'text').toLowerCase();
      const ticked = !['radio', 'checkbox'].includes(type) || input.hasAttribute('checked');
      if (ticked && type !== 'submit') sent.set(input.getAttribute('name'), input.getAttribute('value') ?? '');
    }
    for (const [name, value] of Object.entries(fields)) sent.set(name, value);
    return Object.fromEntries(sent);
  }
}

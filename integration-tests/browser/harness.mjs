// A browser with eyes: it walks pages as a citizen does and judges every page it meets.

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
export const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const SCREENSHOTS = join(here, '..', '.work', 'screenshots');
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 320, height: 720 };

/** Byte and request budgets by kind of page, in bytes on the wire. */
const KB = 1024;
const BUDGETS = {
  signIn: { document: 6 * KB, stylesheet: 10 * KB, script: 5 * KB, requests: 9, first: 60 * KB, repeat: 8 * KB },
  account: { document: 10 * KB, stylesheet: 10 * KB, script: 5 * KB, requests: 9, first: 65 * KB, repeat: 12 * KB },
  developer: { document: 25 * KB, stylesheet: 16 * KB, script: 10 * KB, requests: 12, first: 110 * KB, repeat: 30 * KB },
};

const ASSETS = new Set(['stylesheet', 'script', 'font']);

/** Starts the browser; nothing of it may call home. */
export function launch() {
  const flags = ['--disable-quic', '--no-first-run', '--disable-background-networking'];
  flags.push('--disable-component-update', '--disable-sync');
  if (process.getuid?.() === 0) flags.push('--no-sandbox');
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
}

/** One person at one browser with one tab. */
export class Visitor {
  static async arrive(browser, { name, issuer, portals = [], lang = 'vi', javaScript = true }) {
    const context = await browser.newContext({
      locale: lang === 'vi' ? 'vi-VN' : 'en-GB',
      javaScriptEnabled: javaScript,
      viewport: WIDE,
      colorScheme: 'light',
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const visitor = new Visitor(browser, context, page, { name, issuer, portals, lang, javaScript });
    await visitor.watch();
    return visitor;
  }

  constructor(browser, context, page, about) {
    Object.assign(this, { browser, context, page, ...about });
    this.home = new URL(about.issuer).origin;
    this.portalOrigins = about.portals.map((portal) => new URL(portal).origin);
    /** What was wrong on the way: texts, each with the page it was on. */
    this.problems = [];
    /** Bytes of each page looked at, for the report. */
    this.weights = [];
    this.looked = new Set();
    this.shots = 0;
    this.traffic = [];
    /** Files of the site that this browser has: none is fetched twice. */
    this.fetched = new Set();
    this.tolerated = new Set();
  }

  async watch() {
    const { page } = this;
    this.cdp = await this.context.newCDPSession(page);
    page.on('pageerror', (error) => this.problem(`script error: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() !== 'error') return;
      const status = /the server responded with a status of (\d+)/.exec(message.text())?.[1];
      // A form sent back with errors (422), and the error pages a test opens on purpose, are said so in the console.
      if (status === '422' || this.tolerated.has(status)) return;
      this.problem(`console: ${message.text()}`);
    });
    this.navigations = 0;
    page.on('framenavigated', (frame) => {
      if (frame === page.mainFrame()) this.navigations += 1;
    });
    await this.cdp.send('Network.enable');
    const requests = new Map();
    this.cdp.on('Network.requestWillBeSent', ({ requestId, type, request }) => {
      if (type === 'Document') this.traffic = [];
      const { protocol, origin } = new URL(request.url);
      if (/^https?:$/.test(protocol) && ![this.home, ...this.portalOrigins].includes(origin)) {
        this.problem(`a request to a third party: ${origin}`);
      }
      if (requests.get(requestId)?.of !== this.traffic) {
        const file = origin + new URL(request.url).pathname;
        const entry = { type: type.toLowerCase(), file, of: this.traffic, head: 0, bytes: 0, cached: false };
        requests.set(requestId, entry);
        this.traffic.push(entry);
      }
    });
    this.cdp.on('Network.responseReceived', ({ requestId, response }) => {
      const entry = requests.get(requestId);
      if (entry) Object.assign(entry, { head: response.encodedDataLength, cached: Boolean(response.fromDiskCache) });
    });
    this.cdp.on('Network.requestServedFromCache', ({ requestId }) => {
      const entry = requests.get(requestId);
      if (entry) entry.cached = true;
    });
    this.cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      const entry = requests.get(requestId);
      if (!entry) return;
      entry.bytes = encodedDataLength;
      if (!ASSETS.has(entry.type) || entry.cached || encodedDataLength === 0) return;
      if (this.fetched.has(entry.file)) this.problem(`fetched again: ${entry.file}`);
      this.fetched.add(entry.file);
    });
  }

  /** Notes something wrong with the page as it is now, once. */
  problem(text) {
    const problem = `${this.name} (${this.lang}) at ${this.pageName()}: ${text}`;
    if (!this.problems.includes(problem)) this.problems.push(problem);
  }

  /** The page's place without handles and ids, such as `provider-signin-*-code`. */
  pageName() {
    const { origin, pathname } = this.url;
    const portal = this.portalOrigins.indexOf(origin);
    const place = origin === this.home ? 'provider' : portal >= 0 ? `portal${portal + 1}` : 'elsewhere';
    const path = pathname.replace(/\/(?:[A-Za-z0-9_-]{20,}|[0-9a-f-]{36})(?=\/|$)/g, '/*').replace(/^\/$/, '/start');
    return place + path.replaceAll('/', '-');
  }

  get url() {
    return new URL(this.page.url());
  }

  async open(url) {
    await this.page.goto(String(url), { waitUntil: 'load' });
  }

  /** Does something that leads to another page, and waits for it. */
  async leads(action) {
    const before = this.navigations;
    await action();
    await this.until(() => this.navigations > before, 'no page followed');
    await this.page.waitForLoadState('load');
  }

  async press(locator) {
    await this.leads(() => locator.first().click());
  }

  /** Waits for a condition on this side of the browser. */
  async until(condition, complaint, withinMs = 15_000) {
    for (const end = Date.now() + withinMs; Date.now() < end; await new Promise((again) => setTimeout(again, 25))) {
      if (await condition()) return;
    }
    throw new Error(`${complaint}; at ${this.page.url()}: ${await this.heading()}`);
  }

  async heading() {
    return (await this.page.locator('h1').allInnerTexts().catch(() => [])).join(' / ');
  }

  /** A form of the page by its action's path (after the flow's handle) and a control in it. */
  form(action, control) {
    const form = this.page.locator(`form[action$="${action}"]`);
    return control ? form.filter({ has: this.page.locator(`[name="${control}"]`) }) : form;
  }

  async has(locator) {
    return (await locator.count()) > 0;
  }

  /** JSON of a portal or the provider, with this browser's cookies; null for 401. */
  async json(url) {
    const answer = await this.context.request.get(url, { headers: { accept: 'application/json' } });
    if (answer.status() === 401) return null;
    return answer.json();
  }

  /** A platform authenticator with user verification, as phones have. */
  async addAuthenticator() {
    await this.cdp.send('WebAuthn.enable', { enableUI: false });
    const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true };
    Object.assign(options, { isUserVerified: true, automaticPresenceSimulation: true });
    const { cdp } = this;
    let { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options });
    const keys = async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;
    return {
      /** Whether the person touches the sensor when asked. */
      touch: (enabled) => cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled }),
      /** Whether the sensor recognises the person. */
      recognise: (isUserVerified) => cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
      keys,
      /** Another device in place of this one, with these passkeys; gives those of the device before. */
      swap: async (credentials = []) => {
        const before = await keys();
        await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
        ({ authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options }));
        for (const credential of credentials) await cdp.send('WebAuthn.addCredential', { authenticatorId, credential });
        return before;
      },
    };
  }

  /**
   * Judges the page as it stands: accessibility in both colour schemes, reflow at 320 px, weight, language, one h1.
   * Each page is judged once per visitor and state.
   */
  async look(state = '') {
    const name = this.pageName() + (state && `-${state}`);
    if (this.looked.has(name)) return;
    this.looked.add(name);
    const { page } = this;
    this.weigh(name);
    const language = await page.locator('html').getAttribute('lang');
    if (language !== this.lang) this.problem(`lang is ${language}, not ${this.lang}`);
    const untranslated = /⟦[^⟧]*⟧/.exec(await page.content())?.[0];
    if (untranslated) this.problem(`a text is missing: ${untranslated}`);
    const headings = await page.locator('h1').count();
    if (headings !== 1) this.problem(`${headings} h1 instead of one`);

    await this.axe('light, wide');
    await this.shot(name, 'light-wide');
    await page.emulateMedia({ colorScheme: 'dark' });
    await this.axe('dark, wide');
    await page.setViewportSize(NARROW);
    await this.axe('dark, narrow');
    await this.reflow('dark');
    await this.shot(name, 'dark-narrow');
    await page.emulateMedia({ colorScheme: 'light' });
    await this.reflow('light');
    await page.setViewportSize(WIDE);
  }

  async reflow(scheme) {
    const [content, view] = await this.page.evaluate(
      '[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]',
    );
    if (content > view) this.problem(`scrolls sideways at ${NARROW.width} px (${scheme}): ${content} > ${view}`);
  }

  async axe(where) {
    const page = this.javaScript ? this.page : await this.still();
    try {
      await page.evaluate(axeSource);
      const violations = await page.evaluate(async (tags) => {
        const report = await globalThis.axe.run(document, { runOnly: tags, resultTypes: ['violations'] });
        return report.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3).join(' ')}`);
      }, AXE_TAGS);
      for (const violation of violations) this.problem(`axe (${where}): ${violation}`);
    } finally {
      if (page !== this.page) await page.context().close();
    }
  }

  /** The page as it is without JavaScript, in a browser where axe can run. */
  async still() {
    const html = (await this.page.content())
      .replace(/<script\b[\s\S]*?<\/script>/g, '')
      .replace(/<\/?noscript>/g, '')
      .replace(/<meta http-equiv="refresh"[^>]*>/g, '');
    const scheme = await this.page.evaluate('matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"');
    const context = await this.browser.newContext({ viewport: this.page.viewportSize(), colorScheme: scheme });
    const page = await context.newPage();
    await page.route(this.page.url(), (route) => route.fulfill({ body: html, contentType: 'text/html' }));
    await page.goto(this.page.url(), { waitUntil: 'load' });
    return page;
  }

  weigh(name) {
    const kind = this.kind();
    const budget = BUDGETS[kind];
    const sum = (entries) => entries.reduce((total, entry) => total + entry.bytes, 0);
    const body = (type) => {
      const entries = this.traffic.filter((entry) => entry.type === type && !entry.cached);
      return entries.reduce((total, entry) => total + Math.max(0, entry.bytes - entry.head), 0);
    };
    const network = this.traffic.filter((entry) => !entry.cached && entry.bytes > 0);
    // A slow first page may leave a font to the second.
    const first = network.some((entry) => ASSETS.has(entry.type));
    const weight = { document: body('document'), stylesheet: body('stylesheet'), script: body('script') };
    Object.assign(weight, { requests: network.length, total: sum(network), visit: first ? 'first' : 'repeat' });
    this.weights.push({ name, kind, ...weight });
    for (const part of ['document', 'stylesheet', 'script', 'requests']) {
      if (weight[part] > budget[part]) this.problem(`${part}: ${weight[part]} over the budget of ${budget[part]} (${kind})`);
    }
    const most = first ? budget.first : budget.repeat;
    if (weight.total > most) this.problem(`${weight.total} bytes over the budget of ${most} (${kind}, ${weight.visit})`);
  }

  kind() {
    if (this.url.origin !== this.home) return 'developer';
    if (/^\/account\b/.test(this.url.pathname)) return 'account';
    return this.url.pathname === '/' || this.url.pathname.startsWith('/test/') ? 'developer' : 'signIn';
  }

  async shot(name, variant) {
    mkdirSync(SCREENSHOTS, { recursive: true });
    this.shots += 1;
    const number = String(this.shots).padStart(3, '0');
    const file = `${this.name}-${this.lang}-${number}-${name}-${variant}.png`.replace(/[^\w.-]+/g, '_');
    await this.page.screenshot({ path: join(SCREENSHOTS, file), fullPage: true });
  }

  async leave() {
    await this.context.close();
  }
}

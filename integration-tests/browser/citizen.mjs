// How a citizen answers the provider's pages in a browser. Pages are known by form actions and field names, so that
// wording and layout may change.

import { codeWatch, patientCode, totp } from '../relying-parties/demo-info.mjs';

const MOST_PAGES = 40;

export class CitizenAtBrowser {
  /** `plan`: `methods` (dearest first), `with` (another way of the first page), `stepUp`, what to do with offers. */
  constructor(visitor, demo, person, plan = {}) {
    Object.assign(this, { visitor, demo, person });
    this.plan = { methods: ['sms', 'voice'], stepUp: 'passkey', createPasskey: true, ...plan };
    /** Names of the pages answered, in order. */
    this.answered = [];
  }

  /** Answers page after page until `arrived(url)`, judging each on the way. */
  async walkUntil(arrived) {
    const { visitor } = this;
    for (let step = 0; step < MOST_PAGES; step += 1) {
      if (arrived(visitor.url)) return;
      await visitor.look();
      const name = await this.answer();
      if (!name) {
        throw new Error(`a page this citizen cannot answer: ${visitor.url.pathname} "${await visitor.heading()}"`);
      }
      this.answered.push(name);
    }
    throw new Error(`no arrival after ${MOST_PAGES} pages: ${this.answered.join(' ')}`);
  }

  /** Walks until the browser is back at a portal. */
  walkTo(portal) {
    const { origin } = new URL(portal);
    return this.walkUntil((url) => url.origin === origin);
  }

  async answer() {
    const { visitor } = this;
    const path = visitor.url.pathname;
    if (path.startsWith('/create/')) return this.answerCreate();
    for (const [name, form, act] of this.signInPages()) {
      if (await visitor.has(form)) {
        await act(form);
        return name;
      }
    }
    return null;
  }

  signInPages() {
    const { visitor, person, plan } = this;
    const page = visitor.page;
    const submit = (form, value) => {
      const button = value ? `button[value="${value}"]` : 'button:not([hidden]):not([data-reveal])';
      return visitor.press(form.first().locator(button));
    };
    const strongerPasskey = page.locator('form[data-passkey="get"] button');
    const strongerPassword = page.locator('form[action$="/step-up"] button[value="password"]');
    const onStepUp = /\/step-up$/.test(visitor.url.pathname);
    return [
      ['method', visitor.form('/method', 'method'), async (form) => {
        const offered = await form.locator('[name="method"]').evaluateAll((all) => all.map((input) => input.value));
        const method = plan.methods.find((wish) => offered.includes(wish)) ?? offered[0];
        await form.locator(`[name="method"][value="${method}"]`).check();
        await this.expectCode();
        await submit(form);
      }],
      ['code', visitor.form('/code', 'code'), async (form) => {
        await form.locator('[name="code"]').fill(await this.receiveCode());
        await submit(form);
      }],
      ['totp', visitor.form('/totp', 'code'), async (form) => {
        await form.locator('[name="code"]').fill(await totp(person.totpSecret));
        await submit(form);
      }],
      ['recovery', visitor.form('/recovery', 'code'), async (form) => {
        await form.locator('[name="code"]').fill(this.recoveryCodes.shift());
        await submit(form);
      }],
      ['password', visitor.form('/password', 'password'), async (form) => {
        await form.locator('[name="password"]').fill(person.password);
        await this.expectCode();
        await submit(form);
      }],
      ['continue', visitor.form('/continue', 'action'), async (form) => {
        await this.expectCode();
        await submit(form, 'continue');
      }],
      ['consent', visitor.form('/consent', 'action'), (form) => submit(form, 'accept')],
      ['offer-passkey', visitor.form('/offer-passkey', 'action'), async (form) => {
        if (!plan.takeOffer) return submit(form, 'skip');
        await form.locator('[name="shared"][value="no"]').check();
        return submit(form, 'create');
      }],
      ['step-up', onStepUp && plan.stepUp === 'passkey' ? strongerPasskey : none(page), async (button) => {
        await plan.beforePasskey?.();
        await visitor.press(button);
      }],
      ['step-up', onStepUp && plan.stepUp === 'password' ? strongerPassword : none(page), (button) => visitor.press(button)],
      ['step-up', visitor.form('/step-up', 'action'), (form) => submit(form, 'cancel')],
      ['stop', visitor.form('/account/stop', 'for'), async (form) => {
        await page.locator('label[for="answer-no"]').click();
        await submit(form);
      }],
      ['confirm-logout', visitor.form('/logout/confirm', 'action'), (form) => submit(form, 'all')],
      ['identifier', page.locator('form:has([name="identifier"])'), async (form) => {
        await form.locator('[name="identifier"]').fill(person.number);
        await this.expectCode();
        if (!plan.with) return submit(form);
        return visitor.press(page.locator(`button[name="with"][value="${plan.with}"]`));
      }],
      ['recognised', page.locator('form:has([name="recognised"])'), async (form) => {
        await this.expectCode();
        if (plan.with) return visitor.press(page.locator(`button[name="with"][value="${plan.with}"]`));
        return submit(form);
      }],
      ['return', page.locator('main a.button, main form[data-foreign] button'), (button) => visitor.press(button)],
    ];
  }

  async answerCreate() {
    const { visitor, person } = this;
    const { page } = visitor;
    const step = visitor.url.pathname.split('/')[3] ?? 'start';
    const form = visitor.form(`/${step}`);
    const fill = (values) => Object.entries(values).reduce(
      (before, [name, value]) => before.then(() => form.first().locator(`[name="${name}"]`).fill(value)),
      Promise.resolve(),
    );
    const next = () => visitor.press(form.first().locator('button:not([hidden]):not([data-reveal])'));
    const { birth } = person;
    switch (step) {
      case 'start':
        await visitor.press(page.locator('main a[href$="/number"]'));
        break;
      case 'number':
        await fill({ personal_number: person.number });
        await next();
        break;
      case 'name':
        await fill({ full_name: person.name, birth_day: birth.day, birth_month: birth.month, birth_year: birth.year });
        await next();
        break;
      case 'phone':
        await fill({ phone: person.phone });
        await next();
        break;
      case 'check':
        await this.expectCode();
        await visitor.press(page.locator('form[action$="/check"] button[value="send"]'));
        break;
      case 'waiting':
        await visitor.leads(async () => {});
        break;
      case 'code':
        await fill({ code: await this.receiveCode() });
        await next();
        break;
      case 'passkey':
        await visitor.press(page.locator(`form[data-passkey="create"] button[value="${this.plan.createPasskey ? 'create' : 'skip'}"]`));
        break;
      case 'recovery-codes':
        this.recoveryCodes = await page.locator('main ol li').allInnerTexts();
        await visitor.press(page.locator('button[value="stored"]'));
        break;
      case 'done':
        await visitor.press(page.locator('main a.button'));
        break;
      default:
        return null;
    }
    return `create-${step}`;
  }

  /** The code from the inbox; when none comes, asks for another as soon as the page lets one. */
  receiveCode() {
    const { visitor } = this;
    const code = visitor.page.url();
    return patientCode(this.watch, async () => {
      await visitor.open(code);
      const button = visitor.page.locator('form[action$="/code/resend"] button[name="channel"]').first();
      if (!(await visitor.has(button))) return false;
      if (!(await button.isVisible())) await visitor.page.locator('main details > summary').first().click();
      await visitor.press(button);
      return true;
    });
  }

  async expectCode() {
    this.watch = await codeWatch(this.demo, this.person.phone);
  }
}

/** A locator that finds nothing. */
function none(page) {
  return page.locator('x-none');
}

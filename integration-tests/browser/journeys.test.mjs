// The main job as people live it, in both languages: the names in the tests are theirs.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startDemo } from '../lib/demo.mjs';
import { personOf, portalsOf } from '../relying-parties/demo-info.mjs';
import { CitizenAtBrowser } from './citizen.mjs';
import { launch, Visitor } from './harness.mjs';

for (const lang of ['vi', 'en']) {
  describe(`in ${lang === 'vi' ? 'Vietnamese' : 'English'}`, () => {
    let demo;
    let browser;
    let portals;
    const visitors = [];

    const arrive = async (name, options = {}) => {
      const about = { name, lang, issuer: demo.info.issuer, portals, ...options };
      const visitor = await Visitor.arrive(browser, about);
      visitors.push(visitor);
      return visitor;
    };

    before(async () => {
      demo = await startDemo();
      portals = portalsOf(demo.info);
      browser = await launch();
    });

    after(async () => {
      await browser?.close();
      await demo?.stop();
    });

    it('Quoc Anh creates an account and a passkey, and uses them', async (t) => {
      const visitor = await arrive('quoc-anh');
      const [first, second] = portals;
      const touch = await visitor.addAuthenticator();
      const citizen = new CitizenAtBrowser(visitor, demo, personOf(demo.info, 'Pham Quoc Anh'));

      await t.test('creates an account from the sign-in page', async () => {
        await visitor.open(`${first}/?lang=${lang}`);
        await visitor.look('signed-out');
        await visitor.open(signIn(first, '1', lang));
        await visitor.look();
        await wrongNumber(visitor);
        await visitor.press(visitor.page.locator('main a[href^="/create/"]'));
        await citizen.walkTo(first);
        assert.equal((await touch.keys()).length, 1, 'the passkey is in the authenticator');
        assert.equal(new Set(citizen.recoveryCodes).size, 10, 'ten different recovery codes');
        const me = await visitor.json(`${first}/me`);
        assert.ok(me?.sub, 'signed in at the first portal');
        await visitor.look('signed-in');
        await whatHappened(visitor);
      });

      await t.test('signs out', async () => {
        await signOut(visitor, citizen, first);
        assert.equal(await visitor.json(`${first}/me`), null);
      });

      await t.test('signs in with the passkey without typing anything', async () => {
        citizen.answered.length = 0;
        await visitor.open(signIn(first, '1', lang));
        await visitor.until(() => visitor.url.pathname !== '/login', 'the portal did not send the browser on');
        const typed = ['identifier', 'code', 'password', 'method'];
        const gone = () => !visitor.url.pathname.match(/^\/signin\/[^/]+$/);
        await visitor.until(gone, 'the autofill offer of the passkey did not sign in');
        await visitor.page.waitForLoadState('load');
        await citizen.walkTo(first);
        assert.ok(!citizen.answered.some((name) => typed.includes(name)), citizen.answered.join(' '));
        const me = await visitor.json(`${first}/me`);
        assert.equal(me.authentication_level, 2);
        assert.ok(me.amr.includes('hwk') || me.amr.includes('swk'), me.amr.join(' '));
      });

      await t.test('enters the second portal without a new sign-in', async () => {
        citizen.answered.length = 0;
        await visitor.open(signIn(second, '1', lang));
        await citizen.walkTo(second);
        assert.ok(!citizen.answered.includes('identifier'), citizen.answered.join(' '));
        const [here, there] = [await visitor.json(`${first}/me`), await visitor.json(`${second}/me`)];
        assert.notEqual(here.sub, there.sub, 'each portal knows its own subject');
        assert.equal(here.auth_time, there.auth_time, 'one sign-in, one time');
      });

      await t.test('sees the account pages', async () => {
        for (const path of ACCOUNT_PAGES) {
          await visitor.open(`${demo.info.issuer}${path}`);
          if (visitor.url.pathname !== path.split('?')[0]) await citizen.walkUntil((url) => url.pathname === path.split('?')[0]);
          await visitor.look();
        }
      });

      await t.test('signs out everywhere, and both portals hear it', async () => {
        await everywhere(visitor, demo, portals);
      });

      await t.test('signs in with a code, and is asked for more by a portal that wants more', async () => {
        await touch.touch(false);
        citizen.answered.length = 0;
        await visitor.open(signIn(first, '1', lang));
        await citizen.walkTo(first);
        assert.ok(citizen.answered.includes('code'), citizen.answered.join(' '));
        const weak = await visitor.json(`${first}/me`);
        assert.equal(weak.authentication_level, 1);

        citizen.answered.length = 0;
        citizen.plan.beforePasskey = () => touch.touch(true);
        await visitor.open(signIn(first, '2', lang));
        await citizen.walkTo(first);
        assert.ok(citizen.answered.includes('step-up'), citizen.answered.join(' '));
        const strong = await visitor.json(`${first}/me`);
        assert.equal(strong.authentication_level, 2);
        assert.equal(strong.sub, weak.sub);
        assert.ok(strong.auth_time >= weak.auth_time);
      });

      await t.test('signs out everywhere from the account', async () => {
        await visitor.open(signIn(second, '1', lang));
        await citizen.walkTo(second);
        await everywhere(visitor, demo, portals);
      });

      await t.test('signs in with a printed code, and learns what to do when the passkey fails', async () => {
        await touch.touch(true);
        await touch.recognise(false);
        await visitor.open(signIn(first, '1', lang));
        await visitor.press(visitor.page.locator('form[data-passkey="get"] button'));
        await visitor.look('cancelled');
        await visitor.page.locator('label[for="choice-other"]').click();
        await visitor.press(visitor.form('/passkey-failed', 'choice').locator('button'));
        await touch.touch(false);
        await touch.recognise(true);
        citizen.answered.length = 0;
        citizen.plan.with = 'recovery';
        await citizen.walkTo(first);
        assert.ok(citizen.answered.includes('recovery'), citizen.answered.join(' '));
        assert.equal((await visitor.json(`${first}/me`)).authentication_level, 1);
      });

      await t.test('learns that a passkey in its first day changes nothing yet', async () => {
        const { page } = visitor;
        await visitor.open(`${demo.info.issuer}/account/passkeys`);
        visitor.tolerated.add('403');
        await strengthened(visitor, touch, '/account/passkeys', () => visitor.press(addPasskey(page)));
        await visitor.press(addPasskey(page));
        await visitor.look('first-day');
        assert.ok(await page.locator('.note.ok[role="status"]').isVisible(), 'the page says from when');
        assert.equal((await touch.keys()).length, 1);
      });

      await t.test('sees the whole number only on asking', async () => {
        await visitor.open(`${demo.info.issuer}/account/details`);
        const main = visitor.page.locator('main');
        assert.ok(!(await main.innerText()).includes(citizen.person.number));
        await visitor.press(visitor.form('/account/details', 'show').locator('button'));
        assert.ok((await main.innerText()).includes(citizen.person.number));
        assert.equal(visitor.url.search, '');
      });
    });

    it('ba Bay does the same with a voice code, a password and no JavaScript', async (t) => {
      const visitor = await arrive('ba-bay', { javaScript: false });
      const [first, second] = portals;
      const plan = { methods: ['voice', 'sms'], stepUp: 'password' };
      const citizen = new CitizenAtBrowser(visitor, demo, personOf(demo.info, 'Le Thi Bay'), plan);

      await t.test('signs in with a code read out by a call', async () => {
        await visitor.open(signIn(first, '1', lang));
        await visitor.look();
        await citizen.walkTo(first);
        assert.ok(citizen.answered.includes('code'), citizen.answered.join(' '));
        assert.equal((await visitor.json(`${first}/me`)).authentication_level, 1);
        await visitor.look('signed-in');
      });

      await t.test('reaches authentication level 2 with password and code', async () => {
        citizen.answered.length = 0;
        await visitor.open(signIn(first, '2', lang));
        await citizen.walkTo(first);
        assert.ok(citizen.answered.includes('step-up') && citizen.answered.includes('password'), citizen.answered.join(' '));
        const me = await visitor.json(`${first}/me`);
        assert.equal(me.authentication_level, 2);
        assert.ok(me.amr.includes('pwd'), me.amr.join(' '));
      });

      await t.test('enters the second portal without a new sign-in', async () => {
        citizen.answered.length = 0;
        await visitor.open(signIn(second, '1', lang));
        await citizen.walkTo(second);
        assert.ok(!citizen.answered.includes('identifier'), citizen.answered.join(' '));
        assert.ok(await visitor.json(`${second}/me`));
      });

      await t.test('signs out everywhere, and both portals hear it', async () => {
        await everywhere(visitor, demo, portals);
      });
    });

    it('Hoa learns why a service that wants authentication level 3 cannot take her yet', async () => {
      const visitor = await arrive('hoa');
      const [first] = portals;
      const citizen = new CitizenAtBrowser(visitor, demo, personOf(demo.info, 'Nguyen Thi Hoa'), { stepUp: 'cancel' });
      await visitor.open(signIn(first, '3', lang));
      await citizen.walkTo(first);
      assert.match(await visitor.page.locator('main').innerText(), /unmet_authentication_requirements/);
      assert.equal(await visitor.json(`${first}/me`), null);
      await visitor.look('error');
    });

    it('Minh signs in with his app, strengthens it by password, and takes the passkey that is offered', async (t) => {
      const visitor = await arrive('minh');
      const [first] = portals;
      const touch = await visitor.addAuthenticator();
      const plan = { with: 'totp', stepUp: 'password', takeOffer: true };
      const citizen = new CitizenAtBrowser(visitor, demo, personOf(demo.info, 'Tran Van Minh'), plan);

      await t.test('a code of the app is authentication level 1', async () => {
        await visitor.open(signIn(first, '1', lang));
        await citizen.walkTo(first);
        assert.ok(citizen.answered.includes('totp'), citizen.answered.join(' '));
        const me = await visitor.json(`${first}/me`);
        assert.equal(me.authentication_level, 1);
        assert.ok(me.amr.includes('otp'), me.amr.join(' '));
      });

      await t.test('with the password it is level 2, and a passkey is offered', async () => {
        citizen.answered.length = 0;
        await visitor.open(signIn(first, '2', lang));
        await citizen.walkTo(first);
        assert.deepEqual(citizen.answered, ['step-up', 'password', 'offer-passkey']);
        assert.equal((await visitor.json(`${first}/me`)).authentication_level, 2);
        assert.equal((await touch.keys()).length, 1, 'the passkey is in the authenticator');
      });

      await t.test('gets printed codes', async () => {
        for (const path of ['/account', '/account/ways', '/account/password', '/account/recovery-codes']) {
          await visitor.open(`${demo.info.issuer}${path}`);
          if (visitor.url.pathname === '/account/stop') await byMyself(visitor);
          assert.equal(visitor.url.pathname, path);
          await visitor.look();
        }
        await visitor.press(visitor.page.locator('button[value="renew"]'));
        await visitor.look('new');
        citizen.recoveryCodes = await visitor.page.locator('main ol li').allInnerTexts();
        assert.equal(new Set(citizen.recoveryCodes).size, 10);
      });

      await t.test('adds a passkey on a second device and names it', async () => {
        const { page } = visitor;
        await visitor.open(`${demo.info.issuer}/account/passkeys`);
        await visitor.press(addPasskey(page));
        await byMyself(visitor);
        const firstKeys = await touch.swap();
        await visitor.press(addPasskey(page));
        await visitor.look('added');
        assert.ok(await page.locator('.note.ok[role="status"]').isVisible(), 'the page says what was done');
        assert.equal(await page.locator('.items > li').count(), 2);
        assert.equal((await touch.swap(firstKeys)).length, 1, 'the passkey is in the second device');
        await visitor.press(page.locator('.items > li').last().locator('a[href$="/rename"]'));
        await visitor.look();
        await page.locator('[name="name"]').fill('Máy tính ở nhà');
        await visitor.press(visitor.form('/rename', 'name').locator('button'));
        assert.equal(await page.locator('.items h2', { hasText: 'Máy tính ở nhà' }).count(), 1);
      });

      await t.test('removes it, but not after a weak sign-in', async () => {
        const { page } = visitor;
        await everywhere(visitor, demo, [first]);
        await touch.touch(false);
        citizen.plan.with = 'recovery';
        await visitor.open(`${demo.info.issuer}/account/passkeys`);
        await citizen.walkUntil((url) => url.pathname === '/account/passkeys');
        const remove = page.locator('.items > li', { hasText: 'Máy tính ở nhà' }).locator('a[href$="/remove"]');
        await strengthened(visitor, touch, '/account/passkeys', () => visitor.press(remove));
        await visitor.press(remove);
        await visitor.look();
        await visitor.press(visitor.form('/remove').locator('button[value="remove"]'));
        await visitor.look('removed');
        assert.equal(await page.locator('.items > li').count(), 1);
      });
    });

    it('the start page says that all is well, and its links lead somewhere', async () => {
      const visitor = await arrive('starter');
      const { page } = visitor;
      await visitor.open(demo.info.issuer);
      assert.equal(await page.locator('.tiles .tile.good').count(), 7);
      assert.equal(await page.locator('.tile.bad').count(), 0);
      const links = await page.locator('main a').evaluateAll((all) => all.map((link) => link.href));
      assert.ok(links.length >= 10, links.join(' '));
      for (const link of new Set(links)) {
        const answer = await visitor.context.request.get(link);
        assert.equal(answer.status(), 200, link);
      }
      await visitor.press(page.locator('td a.button').first());
      assert.equal(await page.locator('#identifier').inputValue(), personOf(demo.info, 'Nguyen Thi Hoa').number);
    });

    it('text is larger on wish, and the language changes without losing the way', async () => {
      const visitor = await arrive('glasses');
      const { page } = visitor;
      await visitor.open(signIn(portals[0], '1', lang));
      const size = () => page.evaluate('parseFloat(getComputedStyle(document.querySelector("#identifier")).fontSize)');
      const [before, where] = [await size(), visitor.url.pathname];
      await visitor.press(page.locator('.tools a').first());
      assert.ok(Math.abs((await size()) / before - 1.22) < 0.01, `${before} to ${await size()}`);
      await visitor.look('larger');
      const other = page.locator('.tools a[hreflang]');
      const wanted = await other.getAttribute('hreflang');
      await visitor.press(other);
      assert.equal(await page.locator('html').getAttribute('lang'), wanted);
      assert.equal(visitor.url.pathname, where);
      assert.equal(await page.locator('html.larger').count(), 1, 'the text stays large');
    });

    it('every other page is found, and errors say what to do', async () => {
      const visitor = await arrive('reader');
      const { issuer } = demo.info;
      for (const path of ['/', '/test/inbox', '/help', '/help/lost-access', '/privacy', '/accessibility', '/signed-out']) {
        await visitor.open(`${issuer}${path}`);
        await visitor.look();
      }
      for (const [path, status] of [['/authorize?client_id=nobody', 400], ['/nowhere', 404]]) {
        visitor.tolerated.add(String(status));
        const answer = await visitor.page.goto(`${issuer}${path}`);
        assert.equal(answer.status(), status);
        await visitor.look();
        const id = await visitor.page.locator('#error-id').allInnerTexts();
        if (status === 400) assert.match(id.join(), /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
      }
    });

    it('every page on the way was accessible, quiet, light and in one language', (t) => {
      for (const { name, weights } of visitors) {
        for (const { name: page, kind, visit, document, total } of weights) {
          t.diagnostic(`${name} ${page} (${kind}, ${visit}): ${document} bytes of HTML, ${total} in all`);
        }
      }
      const problems = visitors.flatMap((visitor) => visitor.problems);
      if (problems.length > 0) assert.fail(`${problems.length} problems:\n${problems.join('\n')}`);
      assert.ok(visitors.reduce((sum, visitor) => sum + visitor.looked.size, 0) > 30, 'too few pages were judged');
    });
  });
}

const addPasskey = (page) => page.locator('#create');

/** Says on the page against scams that nobody is telling what to do. */
async function byMyself(visitor) {
  await visitor.until(() => visitor.url.pathname === '/account/stop', 'the stop page comes first');
  await visitor.look();
  await visitor.page.locator('label[for="answer-no"]').click();
  await visitor.press(visitor.form('/account/stop', 'for').locator('button'));
}

/** Does what a weak session may not; the provider asks for a sign-in, the passkey gives it, and the page is back. */
async function strengthened(visitor, touch, path, act) {
  await touch.touch(false);
  await act();
  const asked = visitor.url;
  assert.match(asked.pathname, /^\/signin\//, 'a sign-in is asked for first');
  // The page offers the passkey by itself: it is left before the touch, so that only one page gets an answer.
  await visitor.page.goto('about:blank');
  await touch.touch(true);
  await visitor.open(asked);
  await visitor.until(() => visitor.url.pathname === path, 'the passkey did not lead back');
  await visitor.page.waitForLoadState('load');
}

/** Pages that a signed-in person may open; those before a change ask who is on the phone first. */
const ACCOUNT_PAGES = [
  '/account', '/account/details', '/account/ways', '/account/passkeys', '/account/sessions', '/account/activity',
  '/account/activity?kind=change', '/account/not-me', '/account/sharing', '/account/sharing/history',
  '/account/settings', '/account/freeze', '/account/stop?for=phone', '/account/recovery-codes', '/account/password',
  '/account/phone', '/account/totp', '/account/close', '/not-me',
];

const signIn = (portal, level, lang) => `${portal}/login?level=${level}&lang=${lang}`;

/** A form sent with nothing in it comes back with a summary that leads to the field. */
async function wrongNumber(visitor) {
  const form = visitor.page.locator('form:has([name="identifier"])');
  await visitor.press(form.locator('button'));
  await visitor.look('wrong');
  const summary = visitor.page.locator('[role="alert"] a[href="#identifier"]');
  assert.equal(await summary.count(), 1, 'the summary links to the field');
  assert.equal(await visitor.page.locator('#identifier').getAttribute('aria-invalid'), 'true');
}

/** Follows the portal's link to the steps of this sign-in, and comes back. */
async function whatHappened(visitor) {
  const back = visitor.page.url();
  const link = visitor.page.locator('main a[href*="/test/what-happened/"]');
  assert.equal(await link.count(), 1, 'the portal links to what happened');
  await visitor.press(link);
  await visitor.look();
  assert.ok((await visitor.page.locator('.steps > li').count()) >= 3, 'the steps of the sign-in');
  assert.equal(await visitor.page.locator('.token').count(), 2, 'both tokens are taken apart');
  await visitor.open(back);
}

/** Presses the portal's own button. */
async function signOut(visitor, citizen, portal) {
  await visitor.open(`${portal}/`);
  await visitor.press(visitor.page.locator('form[action="/logout"] button'));
  await citizen.walkTo(portal);
  await visitor.look('after-sign-out');
}

/** "Sign out everywhere" on the account page; both portals must be told and must have ended their sessions. */
async function everywhere(visitor, demo, portals) {
  const heard = async (portal) => (await visitor.json(`${portal}/events`)).count;
  const before = await Promise.all(portals.map(heard));
  await visitor.open(`${demo.info.issuer}/account`);
  await visitor.press(visitor.page.locator('form[action="/logout/all"] button'));
  await visitor.look('everywhere');
  for (const [place, portal] of portals.entries()) {
    await visitor.until(async () => (await heard(portal)) > before[place], `${portal} heard nothing`);
    assert.equal(await visitor.json(`${portal}/me`), null, `${portal} still has the session`);
  }
}

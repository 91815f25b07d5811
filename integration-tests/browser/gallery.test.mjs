// Every page in every state, from the samples that the demo shows: also states that no journey comes through.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startDemo } from '../lib/demo.mjs';
import { AXE_TAGS, axeSource, launch } from './harness.mjs';

const KB = 1024;
const WIDTHS = [320, 360, 1280];
const TABS_AT_ONCE = 3;
// Help lists and the building blocks are for reading, not for signing in at 2G speed.
const budgetOf = (page) => {
  if (/^(start|test-|what-|components|portal)/.test(page)) return 25 * KB;
  return /^(account|passkeys|sessions)/.test(page) ? 10 * KB : 6 * KB;
};

for (const lang of ['vi', 'en']) {
  describe(`the gallery in ${lang === 'vi' ? 'Vietnamese' : 'English'}`, () => {
    let demo;
    let browser;
    let samples;
    const problems = [];

    before(async () => {
      demo = await startDemo();
      browser = await launch();
      const page = await browser.newPage();
      await page.goto(`${demo.info.issuer}/test/components?lang=${lang}`);
      samples = await page.locator('table a').evaluateAll((links) => links.map((link) => link.href));
      samples.push(page.url());
      await page.close();
    });

    after(async () => {
      await browser?.close();
      await demo?.stop();
    });

    it('has every page in every state', () => {
      assert.ok(samples.length > 120, `${samples.length} samples`);
      assert.equal(new Set(samples).size, samples.length);
    });

    it('is accessible, reflows, is light, and goes by keyboard', async () => {
      const waiting = [...samples];
      await Promise.all(Array.from({ length: TABS_AT_ONCE }, () => judgeAll(waiting)));
      assert.deepEqual(problems, []);
    });

    async function judgeAll(waiting) {
      const context = await browser.newContext({ reducedMotion: 'reduce' });
      const page = await context.newPage();
      // Samples lead nowhere: nothing may ask the server for what they name, nor look again by itself.
      await page.route('**/assets/*.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));
      for (let url = waiting.pop(); url; url = waiting.pop()) {
        const name = url.replace(/^.*\/test\/(pages\/)?|\?.*$/g, '');
        try {
          await judge(page, url, (text) => problems.push(`${name} (${lang}): ${text}`));
        } catch (error) {
          problems.push(`${name} (${lang}): ${error.message}`);
        }
      }
      await context.close();
    }

    async function judge(page, url, problem) {
      const address = new URL(url);
      address.searchParams.set('lang', lang);
      await page.emulateMedia({ colorScheme: 'light' });
      const answer = await page.goto(address.href, { waitUntil: 'load' });
      if (answer.status() !== 200) return problem(`status ${answer.status()}`);
      const { responseBodySize } = await answer.request().sizes();
      const budget = budgetOf(address.pathname.split('/')[3] ?? 'components');
      if (responseBodySize > budget) problem(`${responseBodySize} bytes of HTML, over ${budget}`);
      if ((await page.locator('html').getAttribute('lang')) !== lang) problem('another language');
      const untranslated = /⟦[^⟧]*⟧/.exec(await page.content())?.[0];
      if (untranslated) problem(`a text is missing: ${untranslated}`);
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 800 });
          const [content, view] = await page.evaluate(
            '[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]',
          );
          if (content > view) problem(`scrolls sideways at ${width} px: ${content} > ${view}`);
        }
        // What dark changes is colours.
        const only = colorScheme === 'dark' ? { type: 'rule', values: ['color-contrast'] } : AXE_TAGS;
        for (const violation of await violations(page, only)) problem(`axe (${colorScheme}): ${violation}`);
      }
      await tabThrough(page, problem);
      // The building blocks show a piece of such a list only.
      const codes = !/\/components/.test(address.pathname) && (await page.locator('ol.codes').count()) > 0;
      if (codes) await printed(page, problem);
    }

    /** On paper: every code whole, whom to call, and nothing to press. */
    async function printed(page, problem) {
      await page.emulateMedia({ colorScheme: 'light', media: 'print' });
      // The width of an A4 sheet without its margins.
      await page.setViewportSize({ width: 680, height: 960 });
      const codes = page.locator('ol.codes li');
      const shown = await codes.evaluateAll((all) => all.filter((one) => one.checkVisibility()).length);
      if (shown !== 10) problem(`${shown} codes are printed`);
      const broken = await codes.evaluateAll((all) => all.filter((one) => getComputedStyle(one).breakInside !== 'avoid').length);
      if (broken > 0) problem('a code may be torn between two sheets');
      const pressed = await page.locator('button, .button, .skip, .back').evaluateAll(
        (all) => all.filter((one) => one.checkVisibility()).map((one) => one.textContent.trim()),
      );
      if (pressed.length > 0) problem(`printed, but not to be pressed on paper: ${pressed.join(', ')}`);
      if (!(await page.locator('main').innerText()).includes('1900')) problem('the hotline is not printed');
      const [content, view] = await page.evaluate(
        '[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]',
      );
      if (content > view) problem(`wider than the sheet: ${content} > ${view}`);
      await page.emulateMedia({ colorScheme: 'light', media: 'screen' });
    }

    async function violations(page, only) {
      await page.evaluate(axeSource);
      return page.evaluate(async (runOnly) => {
        const report = await globalThis.axe.run(document, { runOnly, resultTypes: ['violations'] });
        return report.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3).join(' ')}`);
      }, only);
    }

    /** All that can be used is reached by Tab in the order of the page, and can be seen to have the focus. */
    async function tabThrough(page, problem) {
      const expected = await page.evaluate(() => {
        const usable = 'a[href], button, input:not([type=hidden]), summary, select, textarea';
        const shown = [...document.querySelectorAll(usable)].filter((one) => one.checkVisibility() && !one.disabled);
        const radios = new Set();
        let count = 0;
        for (const one of shown) {
          // A group of radio buttons is one stop.
          if (one.type === 'radio' && radios.has(one.name)) continue;
          if (one.type === 'radio') radios.add(one.name);
          one.dataset.stop = String((count += 1));
        }
        document.activeElement?.blur();
        return count;
      });
      let last = 0;
      for (let press = 0; press < expected + 3 && last < expected; press += 1) {
        await page.keyboard.press('Tab');
        const [stop, visible] = await page.evaluate(() => {
          const one = document.activeElement;
          const style = getComputedStyle(one);
          const ring = Number.parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none';
          return [Number(one.dataset.stop ?? 0), ring || one === document.body || !one.dataset.stop];
        });
        if (!visible) problem(`stop ${stop} does not show its focus`);
        if (stop !== 0 && stop < last) return problem(`Tab went back from ${last} to ${stop}`);
        last = Math.max(last, stop);
      }
      if (last < expected) problem(`Tab reached ${last} of ${expected}`);
    }
  });
}

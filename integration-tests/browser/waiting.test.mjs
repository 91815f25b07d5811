// What takes its time: a slow register, and a person who went to make tea.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startDemo } from '../lib/demo.mjs';
import { personOf, portalsOf } from '../relying-parties/demo-info.mjs';
import { CitizenAtBrowser } from './citizen.mjs';
import { launch, Visitor } from './harness.mjs';

describe('waiting', () => {
  let demo;
  let browser;
  const visitors = [];

  const arrive = async (name, options = {}) => {
    const about = { name, lang: 'vi', issuer: demo.info.issuer, portals: portalsOf(demo.info), ...options };
    const visitor = await Visitor.arrive(browser, about);
    visitors.push(visitor);
    return visitor;
  };

  before(async () => {
    demo = await startDemo();
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  for (const javaScript of [true, false]) {
    it(`the page of a slow register looks again by itself (${javaScript ? 'with' : 'without'} JavaScript)`, async () => {
      const visitor = await arrive(`slow-${javaScript}`, { javaScript });
      const citizen = new CitizenAtBrowser(visitor, demo, personOf(demo.info, 'Pham Quoc Anh'));
      const fault = { kind: 'slow', ms: 3500, times: 1 };
      const body = JSON.stringify(fault);
      const told = await fetch(new URL('/faults', demo.info.register_url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      assert.ok(told.ok, `the register answered ${told.status}`);
      await visitor.open(`${demo.info.issuer}/create?lang=vi`);
      const at = (step) => visitor.url.pathname.endsWith(`/${step}`);
      await citizen.walkUntil(() => at('waiting'));
      assert.match(await visitor.heading(), /^Đang hỏi Cơ sở dữ liệu quốc gia về dân cư/);
      await visitor.look();
      await visitor.until(() => at('phone'), 'the answer did not lead on');
    });
  }

  it('a page left alone asks, and gives back what was typed', async () => {
    const visitor = await arrive('idle');
    const { page } = visitor;
    const citizen = new CitizenAtBrowser(visitor, demo, personOf(demo.info, 'Nguyen Thi Hoa'));
    const settings = `${demo.info.issuer}/account/settings`;
    await page.clock.install();
    await visitor.open(settings);
    await citizen.walkUntil((url) => url.href === settings);
    await page.locator('label[for="quiet-yes"]').click();
    const dialog = page.locator('dialog#idle');
    await page.clock.runFor(12 * 60_000);
    assert.ok(!(await dialog.isVisible()), 'asked too early');
    await page.clock.runFor(70_000);
    assert.ok(await dialog.isVisible(), 'not asked two minutes before the end');
    assert.match(await dialog.locator('[role=status]').textContent(), /2/);
    await dialog.locator('button').click();
    assert.ok(!(await dialog.isVisible()));
    assert.ok(await page.locator('#quiet-yes').isChecked(), 'staying keeps what was chosen');
    await visitor.leads(() => page.clock.runFor(15 * 60_000 + 10_000));
    await visitor.until(() => visitor.url.href === settings, 'not back at the page');
    assert.ok(await page.locator('#quiet-yes').isChecked(), 'what was chosen is lost');
    await visitor.press(page.locator('form[action="/account/settings"] button'));
    assert.equal(await page.locator('html').getAttribute('class'), 'quiet');
    await visitor.look('quiet');
  });

  it('nothing was wrong on any page', () => {
    assert.deepEqual(visitors.flatMap((visitor) => visitor.problems), []);
  });
});

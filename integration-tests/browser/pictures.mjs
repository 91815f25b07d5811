// Writes the README's pictures: the start page and one sign-in.

import { join } from 'node:path';
import { startDemo } from '../lib/demo.mjs';
import { portalsOf } from '../relying-parties/demo-info.mjs';
import { launch } from './harness.mjs';

const folder = process.argv[2];
const demo = await startDemo();
const browser = await launch();
try {
  const take = async (name, url, viewport) => {
    const context = await browser.newContext({ viewport, locale: 'vi-VN', colorScheme: 'light', deviceScaleFactor: 1 });
    const page = await context.newPage();
    await page.goto(url, { waitUntil: 'load' });
    await page.evaluate('document.fonts.ready');
    await page.screenshot({ path: join(folder, name) });
    await context.close();
    console.log(join(folder, name));
  };
  await take('start-page.png', demo.info.issuer, { width: 1100, height: 900 });
  await take('sign-in.png', `${portalsOf(demo.info)[0]}/login?level=1&lang=vi`, { width: 480, height: 900 });
} finally {
  await browser.close();
  await demo.stop();
}

// node page.mjs URL [SCREENSHOT]: opens /docs in Chromium, sends a command and a query from it, and prints as JSON what
// was seen: errors shown on the page, errors of the console, statuses and bodies of the answers.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const [url, screenshot] = process.argv.slice(2);
const executablePath = [process.env.YAD_CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
);
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
});
const seen = { console: [], failed: [], shown: [], tags: 0, answers: {} };
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  page.setDefaultTimeout(120_000);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) seen.console.push(message.text());
  });
  page.on('pageerror', (error) => seen.console.push(error.message));
  page.on('requestfailed', (request) => seen.failed.push(request.url()));
  await page.goto(`${url}/docs`);
  await page.waitForSelector('.opblock');
  seen.tags = await page.locator('.opblock-tag').count();
  seen.shown = await page.locator('.errors-wrapper, .version-pragma, .loading-container .failed').allInnerTexts();
  for (const operation of ['contacts-RegisterContact', 'customers-Customers']) {
    const block = page.locator(`#operations-${operation}`);
    await block.locator('.opblock-summary-control').click();
    await block.locator('.try-out__btn').click();
    await block.locator('.execute').click();
    const answer = block.locator('.live-responses-table .response').first();
    await answer.waitFor();
    const status = Number((await answer.locator('.response-col_status').innerText()).trim());
    seen.answers[operation] = { status, text: await answer.innerText() };
    if (screenshot) await answer.scrollIntoViewIfNeeded();
  }
  if (screenshot) await page.screenshot({ path: screenshot });
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));

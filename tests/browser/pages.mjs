// A browser for the tests, and exported pages in it that are watched for what no page may do.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before } from 'node:test';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

/** Where write_exports wrote its files. */
export const folder = process.env.MEMSNAP_EXPORTS;

export const readJson = async (name) => JSON.parse(await readFile(`${folder}/${name}`, 'utf8'));

let browser;

/** Starts the browser before the file's tests, and ends it after them. */
export function useBrowser() {
  before(async () => {
    // It talks over a pipe; and as root it has no sandbox.
    const args = process.getuid() === 0 ? ['--no-sandbox'] : [];
    browser = await chromium.launch({ executablePath: process.env.MEMSNAP_CHROMIUM, args });
  });
  after(() => browser?.close());
}

/**
 * Opens a file, has `look` look at it, and checks that the page wrote nothing to the console, threw nothing, asked
 * nothing, and fetched nothing but itself.
 */
export async function withPage(path, look, { hash = '', ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  const wrong = [];
  const url = pathToFileURL(path).href;
  page.on('console', (message) => wrong.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => wrong.push(`thrown: ${error.message}`));
  page.on('dialog', (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => {
    if (request.url().split('#')[0] !== url && !request.url().startsWith('data:')) {
      wrong.push(`fetched: ${request.url()}`);
    }
  });
  try {
    await page.goto(url + hash);
    await look(page, wrong);
    assert.deepEqual(wrong, []);
  } finally {
    await context.close();
  }
}

/** The same with one of the exported pages. */
export const withExport = (name, look, options) => withPage(`${folder}/${name}.html`, look, options);

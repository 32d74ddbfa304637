// The page of the .html export, as a user has it: in a browser, with a mouse and a keyboard.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { readJson, useBrowser, withExport } from './pages.mjs';

const { formatSize } = await import(pathToFileURL(`${process.env.MEMSNAP_PAGE_SOURCES}/numbers.js`));

useBrowser();

const widths = (page) =>
  page.evaluate(() => {
    const all = document.querySelector('#graph').clientWidth;
    return [...document.querySelectorAll('.frame')].map((frame) => ({
      name: frame.querySelector('.name').textContent,
      share: frame.offsetWidth / all,
      level: Number(frame.getAttribute('aria-level')),
      faint: frame.classList.contains('faint'),
      above: frame.classList.contains('above'),
    }));
  });

const rootAmount = (page) => page.locator('.frame').first().locator('.amount').textContent();
const column = (page, number) => page.locator(`tbody tr td:nth-child(${number})`).allTextContents();
const choose = (page, name, value) => page.locator(`input[name=${name}][value=${value}]`).check({ force: true });

async function showAll(page) {
  while (await page.locator('#more').isVisible()) {
    await page.locator('#more').click();
  }
}

// A frame that is neither the whole nor a sliver.
const aFrame = (page) => page.locator('.frame[aria-level="3"]:not(.bare)').first();

test('sizes are written as in the tables', async () => {
  for (const [bytes, text] of await readJson('sizes.json')) {
    assert.equal(formatSize(bytes), text);
  }
});

test('the page says what the snapshot holds, whatever names are in it', async () => {
  const { snapshot } = await readJson('snapshot.json');
  await withExport('snapshot', async (page) => {
    assert.equal(await page.title(), `${snapshot.name} · memsnap`);
    assert.equal(await page.locator('h1').textContent(), snapshot.name);
    const totals = await page.locator('#totals dd').allTextContents();
    assert.deepEqual(totals.slice(0, 2), [formatSize(snapshot.size), snapshot.count.toLocaleString('en')]);
    assert.equal(await rootAmount(page), formatSize(snapshot.size));
    assert.equal(await page.locator('img').count(), 0);
    await page.locator('#filter').fill('</script><img src=x');
    assert.ok((await page.locator('.frame:not(.faint)').count()) > 0);
    assert.match(await page.locator('#table').textContent(), /<\/script><img src=x onerror=alert\(1\)>/);
  });
});

test('a click on a frame zooms to it, one above it or Escape zooms out', async () => {
  await withExport('snapshot', async (page) => {
    const before = await widths(page);
    assert.ok(await page.locator('#reset').isDisabled());
    const frame = aFrame(page);
    const name = await frame.locator('.name').textContent();
    assert.ok((await frame.evaluate((element) => element.offsetWidth)) < 1000);
    await frame.click();
    const zoomed = await widths(page);
    assert.deepEqual(zoomed.slice(0, 3).map(({ share, above }) => [Math.round(share), above]), [[1, true], [1, true], [1, false]]);
    assert.equal(zoomed[2].name, name);
    assert.ok(await page.locator('#reset').isEnabled());
    await page.keyboard.press('Escape');
    assert.deepEqual(await widths(page), before);
    await aFrame(page).click();
    await page.locator('.frame.above').first().click();
    assert.deepEqual(await widths(page), before);
    await aFrame(page).click();
    await page.locator('#reset').click();
    assert.deepEqual(await widths(page), before);
  });
});

test('frames are walked and zoomed with the keyboard alone', async () => {
  await withExport('snapshot', async (page) => {
    const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-level'));
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'filter');
    for (let i = 0; (await focused()) === null; ++i) {
      assert.ok(i < 12, 'a few steps with Tab lead to the graph');
      await page.keyboard.press('Tab');
    }
    assert.equal(await focused(), '1');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    assert.equal(await focused(), '3');
    const label = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    assert.ok(await page.locator('#tip').isVisible());
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), label);
    assert.equal(Math.round((await widths(page))[2].share), 1);
    await page.keyboard.press('ArrowUp');
    assert.equal(await focused(), '2');
  });
});

test('the filter leaves the rows and marks the frames that match', async () => {
  await withExport('snapshot', async (page) => {
    const all = await page.locator('#shown').textContent();
    await page.locator('#filter').fill('FILE1');
    const names = await column(page, 2);
    assert.ok(names.length > 0 && names.every((name) => name.toLowerCase().includes('file1')), `${names}`);
    assert.match(await page.locator('#shown').textContent(), / of /);
    assert.match(await page.locator('#found').textContent(), /^\d+\.\d % of the graph: /);
    const frames = await widths(page);
    assert.ok(frames.some(({ faint }) => faint) && frames.some(({ faint }) => !faint));
    await page.locator('#filter').fill('no such thing');
    assert.equal(await page.locator('tbody tr').count(), 0);
    assert.ok((await widths(page)).every(({ faint }) => faint));
    await page.locator('#filter').fill('');
    assert.equal(await page.locator('#shown').textContent(), all);
    assert.ok((await widths(page)).every(({ faint }) => !faint));
    // A row's name is a filter, too.
    await page.locator('tbody .pick').first().click();
    assert.equal(await page.locator('#filter').inputValue(), (await page.locator('tbody .pick').first().textContent()));
    assert.ok((await widths(page)).some(({ faint }) => !faint));
  });
});

test('columns sort, downwards and upwards', async () => {
  await withExport('snapshot', async (page) => {
    await showAll(page);
    const head = page.locator('th', { hasText: 'Blocks' });
    const numbers = async () => (await column(page, 4)).map((text) => Number(text.replace(/,/g, '')));
    const ranked = await numbers();
    const down = [...ranked].sort((a, b) => b - a);
    assert.notDeepEqual(ranked, down);
    await head.getByRole('button').click();
    assert.equal(await head.getAttribute('aria-sort'), 'descending');
    assert.deepEqual(await numbers(), down);
    await head.getByRole('button').click();
    assert.equal(await head.getAttribute('aria-sort'), 'ascending');
    assert.deepEqual(await numbers(), [...down].reverse());
    await page.locator('th', { hasText: 'Name' }).getByRole('button').click();
    const names = await page.locator('tbody .pick').allTextContents();
    const collator = new Intl.Collator('en', { numeric: true });
    assert.deepEqual(names, [...names].sort(collator.compare));
  });
});

test('a long table is shown in portions', async () => {
  await withExport('large', async (page) => {
    const rows = page.locator('tbody tr');
    const first = await rows.count();
    const left = await page.locator('#more').textContent();
    await page.locator('#more').click();
    assert.ok((await rows.count()) > first);
    assert.notEqual(await page.locator('#more').textContent(), left);
  });
});

test('a table by each key adds up to the total', async () => {
  const { snapshot } = await readJson('snapshot.json');
  await withExport('snapshot', async (page) => {
    const keys = await page.locator('#key option').allTextContents();
    assert.deepEqual(keys, ['line', 'file', 'function', 'module', 'domain', 'thread']);
    for (const key of keys) {
      await page.locator('#key').selectOption(key);
      await showAll(page);
      const counts = (await column(page, 4)).map((text) => Number(text.replace(/,/g, '')));
      assert.equal(counts.reduce((sum, count) => sum + count, 0), snapshot.count, key);
    }
  });
});

test('however frames are merged, the whole stays the whole', async () => {
  const { snapshot } = await readJson('snapshot.json');
  await withExport('snapshot', async (page) => {
    const pictures = new Set();
    for (const frames of ['function', 'line']) {
      for (const from of ['site', 'root']) {
        await choose(page, 'frames', frames);
        await choose(page, 'from', from);
        await page.locator('#library').setChecked(!(await page.locator('#library').isChecked()));
        assert.equal(await rootAmount(page), formatSize(snapshot.size));
        pictures.add(JSON.stringify(await widths(page)));
      }
    }
    assert.equal(pictures.size, 4);
    await choose(page, 'measure', 'count');
    assert.equal(await rootAmount(page), `${snapshot.count.toLocaleString('en')} blocks`);
  });
});

test('what grew and what shrank differ in sign, place and hatch, not in colour alone', async () => {
  const { total, old } = await readJson('difference.json');
  assert.equal(total.size - old.size, total.size_diff);
  await withExport('difference', async (page) => {
    const root = page.locator('.frame').first();
    const sign = total.size_diff < 0 ? '−' : '+';
    assert.equal(await rootAmount(page), sign + formatSize(Math.abs(total.size_diff)));
    const part = (frame) =>
      frame.evaluate((element) => {
        const style = getComputedStyle(element, '::before');
        return {
          share: parseFloat(style.width) / element.clientWidth,
          atRight: style.right === '0px',
          hatch: style.backgroundImage,
        };
      });
    const mixed = await part(root);
    assert.ok(mixed.share > 0.01 && mixed.share < 0.99 && mixed.atRight, JSON.stringify(mixed));
    assert.match(mixed.hatch, /repeating-linear-gradient/);
    const pure = { '+': 0, '−': 0 };
    for (const frame of await page.locator('.frame').all()) {
      const { share } = await part(frame);
      if (share < 0.001 || share > 0.999) {
        const mark = share < 0.5 ? '+' : '−';
        assert.ok((await frame.locator('.amount').textContent()).startsWith(mark));
        pure[mark] += 1;
      }
    }
    assert.ok(pure['+'] > 0 && pure['−'] > 0, JSON.stringify(pure));
    const changes = await column(page, 3);
    assert.ok(changes.some((text) => text.startsWith('+')) && changes.some((text) => text.startsWith('−')));
  });
});

test('dark and light, wide and narrow', async () => {
  const look = async (page) => {
    const { background, wider } = await page.evaluate(() => ({
      background: getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number),
      wider: document.documentElement.scrollWidth - window.innerWidth,
    }));
    assert.ok(wider <= 0, `${wider} px too wide`);
    return background[0];
  };
  const grounds = {};
  for (const colorScheme of ['dark', 'light']) {
    for (const width of [360, 1600]) {
      await withExport(
        'difference',
        async (page) => {
          grounds[colorScheme] = await look(page);
        },
        { colorScheme, viewport: { width, height: 800 } },
      );
    }
  }
  assert.ok(grounds.dark < 60 && grounds.light > 200, JSON.stringify(grounds));
});

test('a window that changes its width draws its frames anew', async () => {
  await withExport('large', async (page) => {
    const wide = await page.locator('.frame').count();
    await page.setViewportSize({ width: 500, height: 900 });
    await page.waitForFunction((count) => document.querySelectorAll('.frame').length < count, wide);
  });
});

test('a page of very many tracebacks is drawn and zoomed', async () => {
  await withExport('large', async (page) => {
    assert.ok((await page.locator('.frame').count()) > 30);
    await aFrame(page).click();
    assert.equal(Math.round((await widths(page))[2].share), 1);
  });
});

test('a snapshot without a block is a page like others', async () => {
  await withExport('nothing', async (page) => {
    assert.equal(await page.locator('h1').textContent(), 'snapshot 1');
    assert.equal(await page.locator('.frame').count(), 1);
    assert.equal(await page.locator('tbody tr').count(), 0);
  });
});

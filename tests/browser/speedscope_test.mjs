// Exports for speedscope: by the schema that it publishes, and in speedscope itself, which reads folded stacks as well.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import Ajv from 'ajv';
import { folder, readJson, useBrowser, withPage } from './pages.mjs';

useBrowser();

const release = `${dirname(createRequire(import.meta.url).resolve('speedscope/package.json'))}/dist/release`;

// As speedscope's own command line does: it opens the page with the name of a script that has the file in it.
async function inSpeedscope(name, look) {
  const script = `${folder}/${name}.js`;
  const base64 = (await readFile(`${folder}/${name}`)).toString('base64');
  await writeFile(script, `speedscope.loadFileFromBase64(${JSON.stringify(name)}, ${JSON.stringify(base64)})`);
  const hash = `#localProfilePath=${encodeURIComponent(pathToFileURL(script).href.slice('file://'.length))}`;
  await withPage(
    `${release}/index.html`,
    async (page, wrong) => {
      await look(page);
      wrong.length = 0; // what its own page fetches and says is not ours
    },
    { hash },
  );
}

test('exports keep to the published schema', async () => {
  const schema = JSON.parse(await readFile(`${release}/file-format-schema.json`, 'utf8'));
  const validate = new Ajv({ strict: false }).compile(schema);
  for (const name of ['snapshot', 'difference', 'nothing', 'large']) {
    assert.ok(validate(await readJson(`${name}.speedscope.json`)), JSON.stringify(validate.errors));
  }
  const wrong = await readJson('snapshot.speedscope.json');
  wrong.profiles[0].unit = 'blocks';
  assert.ok(!validate(wrong));
});

test('the profiles add up to the totals, and name frames that are there', async () => {
  const sums = ({ profiles, shared }) =>
    profiles.map(({ name, samples, weights, endValue }) => {
      assert.equal(samples.length, weights.length);
      assert.ok(samples.flat().every((frame) => shared.frames[frame] !== undefined));
      const sum = weights.reduce((all, weight) => all + weight, 0);
      assert.equal(sum, endValue);
      return [name, sum];
    });
  const { snapshot } = await readJson('snapshot.json');
  assert.deepEqual(sums(await readJson('snapshot.speedscope.json')), [
    ['bytes', snapshot.size],
    ['blocks', snapshot.count],
  ]);
  const { total } = await readJson('difference.json');
  const difference = Object.fromEntries(sums(await readJson('difference.speedscope.json')));
  assert.equal(difference['grown, bytes'] - difference['shrunk, bytes'], total.size_diff);
  assert.equal(difference['grown, blocks'] - difference['shrunk, blocks'], total.count_diff);
});

for (const name of ['snapshot.speedscope.json', 'difference.speedscope.json', 'snapshot.folded', 'difference.folded']) {
  test(`speedscope opens ${name}`, async () => {
    await inSpeedscope(name, async (page) => {
      await page.waitForFunction(() => /speedscope$/.test(document.title) && document.title !== 'speedscope');
    });
  });
}

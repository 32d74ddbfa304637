// Makes page.html: the template with the bundled script, the styles, and the licences of what is in the bundle. What is
// left open in it is the data, which an export puts in.
import { build } from 'esbuild';
import { readFile, writeFile } from 'node:fs/promises';

async function bundle(entry) {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    charset: 'utf8',
    format: 'iife',
    legalComments: 'none', // the licences come below, whole
    logLevel: 'warning',
    minify: true,
    target: 'es2020',
    write: false,
  });
  return result.outputFiles[0].text.trim();
}

async function licences() {
  const { dependencies } = JSON.parse(await readFile('package.json', 'utf8'));
  const texts = Object.keys(dependencies).map(async (name) => {
    const licence = await readFile(`node_modules/${name}/LICENSE`, 'utf8');
    return `${name} ${dependencies[name]}\n\n${licence.trim()}`;
  });
  return (await Promise.all(texts)).join('\n\n');
}

const parts = {
  STYLE: await bundle('src/style.css'),
  SCRIPT: await bundle('src/main.js'),
  LICENCES: await licences(),
};
if (/<\/(script|style)/i.test(parts.STYLE + parts.SCRIPT) || parts.LICENCES.includes('--')) {
  throw new Error('a part of the page would end the element that it stands in');
}
const template = await readFile('page.html', 'utf8');
// By a function, as `$&` in a text would be taken for a pattern.
const page = template.replace(/@(STYLE|SCRIPT|LICENCES)@/g, (_, name) => parts[name]);
await writeFile('memsnap.html', page);

// Writes docs/openapi.json from the built registries; with --check it fails when the file differs from them.
import { readFile, writeFile } from 'node:fs/promises';

const file = new URL('../docs/openapi.json', import.meta.url);
const { apiDocument } = await import('../dist/apps/operations/api-document.js').catch((error) => {
  console.error(`build first (npm run build): ${error.message}`);
  process.exit(1);
});
const made = `${JSON.stringify(apiDocument(), null, 2)}\n`;
if (process.argv.includes('--check')) {
  if ((await readFile(file, 'utf8').catch(() => '')) !== made) {
    console.error('docs/openapi.json is not what the registries say; run: node tools/openapi.mjs');
    process.exit(1);
  }
  console.log('docs/openapi.json is up to date');
} else {
  await writeFile(file, made);
  console.log('docs/openapi.json written');
}

// Writes docs/openapi.json and docs/asyncapi.json from the built registries; with --check it fails when one differs.
import { readFile, writeFile } from 'node:fs/promises';

const { apiDocument, topicDocument } = await import('../dist/apps/operations/api-document.js').catch((error) => {
  console.error(`build first (npm run build): ${error.message}`);
  process.exit(1);
});
const check = process.argv.includes('--check');
let differs = false;
for (const [name, document] of [
  ['openapi', apiDocument()],
  ['asyncapi', topicDocument()],
]) {
  const file = new URL(`../docs/${name}.json`, import.meta.url);
  const made = `${JSON.stringify(document, null, 2)}\n`;
  if (!check) {
    await writeFile(file, made);
    console.log(`docs/${name}.json written`);
  } else if ((await readFile(file, 'utf8').catch(() => '')) === made) {
    console.log(`docs/${name}.json is up to date`);
  } else {
    console.error(`docs/${name}.json is not what the registries say; run: npm run documents`);
    differs = true;
  }
}
process.exit(differs ? 1 : 0);

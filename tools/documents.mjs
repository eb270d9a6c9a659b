// Writes the documents that are made from the code, into docs; with --check it fails when one differs.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const { madeDocuments } = await import('../dist/apps/operations/made-documents.js').catch((error) => {
  console.error(`build first (npm run build): ${error.message}`);
  process.exit(1);
});
const check = process.argv.includes('--check');
let differs = false;
for (const [name, made] of Object.entries(madeDocuments())) {
  const file = fileURLToPath(new URL(`../docs/${name}`, import.meta.url));
  if (!check) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, made);
    console.log(`docs/${name} written`);
  } else if ((await readFile(file, 'utf8').catch(() => '')) === made) {
    console.log(`docs/${name} is up to date`);
  } else {
    console.error(`docs/${name} is not what the code says; run: npm run documents`);
    differs = true;
  }
}
process.exit(differs ? 1 : 0);

// node lint-asyncapi.mjs FILE: reads an AsyncAPI document as the parser of the AsyncAPI project does, with its recommended
// rules, and ends with 1 when it has anything to say.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const [file] = process.argv.slice(2);
const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));
for (const { severity, code, message, path } of diagnostics) {
  console.log(`asyncapi ${severity} ${code} #/${path.join('/')}: ${message}`);
}
const messages = document?.messages().length ?? 0;
console.log(`${diagnostics.length} problems, ${messages} messages`);
process.exitCode = diagnostics.length > 0 || messages === 0 ? 1 : 0;

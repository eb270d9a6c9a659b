// node lint.mjs FILE: holds an OpenAPI document against Redocly's recommended rules and Spectral's oas rules, and ends
// with 1 when either has anything to say.
import { readFileSync } from 'node:fs';
import { createConfig, lint } from '@redocly/openapi-core';
import spectral from '@stoplight/spectral-core';
import rulesets from '@stoplight/spectral-rulesets';

const [file] = process.argv.slice(2);
const found = [];

const config = await createConfig({ extends: ['recommended'] });
for (const { severity, ruleId, message, location } of await lint({ ref: file, config })) {
  found.push(`redocly ${severity} ${ruleId} ${location[0]?.pointer}: ${message}`);
}

const linter = new spectral.Spectral();
linter.setRuleset({ extends: [[rulesets.oas, 'recommended']] });
for (const { severity, code, message, path } of await linter.run(JSON.parse(readFileSync(file, 'utf8')))) {
  found.push(`spectral ${severity} ${code} #/${path.join('/')}: ${message}`);
}

for (const line of found) console.log(line);
console.log(`${found.length} problems`);
process.exitCode = found.length > 0 ? 1 : 0;

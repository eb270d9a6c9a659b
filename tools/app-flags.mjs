import { readFileSync } from 'node:fs';

/**
 * Node's flags that `npm start` gives the apps (why: infra/Dockerfile), for whoever else starts one.
 * @returns {string[]}
 */
export function appFlags() {
  const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return scripts.start.match(/--\S+/g);
}

import { readFileSync } from 'node:fs';

/**
 * Node's flags that `npm start` gives the apps (why: infra/Dockerfile), for whoever else starts one.
 * @returns {string[]}
 */
export function appFlags() {
  const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return scripts.start.match(/--\S+/g);
}

/**
 * The flags that `yad` gives itself, in its first line.
 * @returns {string[]}
 */
export function cliFlags() {
  const [first] = readFileSync(new URL('yad.mjs', import.meta.url), 'utf8').split('\n');
  return first.match(/--\S+/g);
}

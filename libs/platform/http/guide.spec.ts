import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { problemKinds } from './problem.js';
import { MOST_URL } from './request-guards.js';

const guide = readFileSync('docs/guides/http.md', 'utf8');

it('the guide lists every kind of problem, with its status and title, and no other', () => {
  const listed = [...guide.matchAll(/^\| `urn:yad:problem:([\w-]+)` \| (\d+) \| (.+) \|$/gm)];
  const kinds = Object.entries(problemKinds).map(([kind, { status, title }]) => [kind, String(status), title]);
  expect(listed.map((match) => match.slice(1))).toEqual(kinds);
});

it('the guide tells the bound of an address', () => {
  expect(guide).toContain(`${MOST_URL.toLocaleString('en')} characters`);
});

import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { BYTES_A_SECOND, MOST_AHEAD, MOST_CONNECTIONS, PATIENCE_MS } from './connections.js';
import { problemKinds } from './problem.js';
import { MOST_URL } from './request-guards.js';

const guide = readFileSync('docs/guides/http.md', 'utf8');

it('the guide lists every kind of problem, with its status and title, and no other', () => {
  const listed = [...guide.matchAll(/^\| `urn:yad:problem:([\w-]+)` \| (\d+) \| (.+) \|$/gm)];
  const kinds = Object.entries(problemKinds).map(([kind, { status, title }]) => [kind, String(status), title]);
  expect(listed.map((match) => match.slice(1))).toEqual(kinds);
});

it('the guide tells what connections are bounded by', () => {
  expect([PATIENCE_MS, BYTES_A_SECOND]).toEqual([15_000, 65_536]);
  for (const bound of ['behind 64 KiB a second | 15 s', 'stand still | 15 s', `answers | ${MOST_AHEAD} `]) {
    expect(guide).toContain(bound);
  }
  expect(guide).toContain(`connections of a process | ${MOST_CONNECTIONS.toLocaleString('en')}, or`);
});

it('the guide tells the bound of an address', () => {
  expect(guide).toContain(`${MOST_URL.toLocaleString('en')} characters`);
});

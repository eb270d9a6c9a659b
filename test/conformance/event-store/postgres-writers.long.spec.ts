import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestDatabase } from '../../support/postgres.js';
import { runWriters } from './postgres-writers.js';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('a subscriber sees each committed event once and in order, whatever 32 writers do, for long', async () => {
  const { committed, seen, head } = await runWriters(database.url, 32, 150);
  expect(seen.map(({ position }) => position)).toEqual(seen.map((_, i) => BigInt(i + 1)));
  expect(head).toBe(BigInt(committed.size));
  expect(new Set(seen.map(({ id }) => id))).toEqual(committed);
}, 600_000);

import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { eventContracts } from '#contracts/index.js';
import { projections } from './index.js';

const folder = import.meta.dirname;
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
const exportsOf = async (suffix: string) => {
  const found = files.filter((path) => path.endsWith(suffix));
  expect(found.length).toBeGreaterThan(4);
  return Promise.all(
    found.map(async (path) => ({ path, values: Object.values<any>(await import(`./${path.replace(/ts$/, 'js')}`)) })),
  );
};

describe('the registry of read models', () => {
  it('has every table in one projection', async () => {
    const tables = projections.flatMap((projection) => projection.tables);
    expect(tables).toEqual([...new Set(tables)]);
    for (const { path, values } of await exportsOf('.table.ts')) {
      const own = values.filter((value) => typeof value === 'function');
      expect([path, own.filter((table) => !tables.includes(table))]).toEqual([path, []]);
    }
  });

  it('handles only events that are published', () => {
    const published = new Set(eventContracts.map(({ type }) => type));
    const handled = projections.flatMap(({ handlers }) => [...handlers.keys()]);
    expect(handled.filter((type) => !published.has(type))).toEqual([]);
  });
});

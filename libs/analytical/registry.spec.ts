import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { eventContracts } from '#contracts/index.js';
import { Table } from '#platform/projections/definition/table.js';
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
      const own = values.filter((value) => value instanceof Table);
      expect([path, own.filter((table) => !tables.includes(table))]).toEqual([path, []]);
    }
  });

  it('has each read model in one folder, of few files', () => {
    const ofProjections = files.filter((path) => path.endsWith('.projection.ts')).map((path) => dirname(path));
    for (const folder of ofProjections) {
      const code = readdirSync(join(import.meta.dirname, folder)).filter((path) => !path.endsWith('.spec.ts'));
      expect([folder, code.filter((path) => /\.(table|projection)\.ts$/.test(path)).length]).toEqual([folder, 2]);
      expect([folder, code.length <= 4]).toEqual([folder, true]);
    }
  });

  it('handles only events that are published', () => {
    const published = new Set(eventContracts.map(({ type }) => type));
    const handled = projections.flatMap(({ handlers }) => [...handlers.keys()]);
    expect(handled.filter((type) => !published.has(type))).toEqual([]);
  });
});

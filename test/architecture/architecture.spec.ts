import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { cycleAmong, forbiddenImport, forbiddenPackage, modules } from './boundaries.js';

const files = ['libs', 'apps']
  .flatMap((top) => readdirSync(top, { recursive: true, encoding: 'utf8' }).map((path) => join(top, path)))
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts'));

const importsOf = (file: string): string[] =>
  ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles.map(({ fileName }) => fileName);

/** The file that an import names, or undefined for a package. */
function target(file: string, name: string): string | undefined {
  if (name.startsWith('.')) return normalize(join(dirname(file), name)).replace(/\.js$/, '.ts');
  if (/^#(apps|test)\//.test(name)) return name.slice(1).replace(/\.js$/, '.ts');
  if (name.startsWith('#')) return `libs/${name.slice(1)}`.replace(/\.js$/, '.ts');
  return undefined;
}

const imports = files.flatMap((file) => importsOf(file).map((name) => ({ file, name, to: target(file, name) })));

describe('the modules', () => {
  it('has files to look at, and every import of one names a file that is there', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(imports.filter(({ to }) => to && !existsSync(to))).toEqual([]);
  });

  it('keeps its boundaries: write side and read side meet in the contracts only, and nothing imports an app', () => {
    const wrong = imports.flatMap(({ file, to }) => (to ? (forbiddenImport(file, to) ?? []) : []));
    expect(wrong).toEqual([]);
  });

  it('has no cycle among the modules of the platform, and would find one', () => {
    const platform = modules.filter(({ folder }) => folder.startsWith('libs/platform/'));
    expect(cycleAmong(platform)).toBeUndefined();
    const made = [
      { folder: 'a/', mayImport: ['b/'] },
      { folder: 'b/', mayImport: ['c/'] },
      { folder: 'c/', mayImport: ['b/'] },
    ];
    expect(cycleAmong(made)).toEqual(['b/', 'c/', 'b/']);
  });

  it('imports no test code into what runs', () => {
    expect(imports.filter(({ to }) => to?.startsWith('test/'))).toEqual([]);
  });

  it('reads the environment by the settings alone', () => {
    const readers = files.filter((file) => /\bprocess\.env\b/.test(readFileSync(file, 'utf8')));
    // The user's name for the record of swaps; what the command line does with an error, settings that are wrong included.
    // What the embedded server inherits is not a setting of ours.
    const allowed = [
      'libs/platform/projections/builds/swap-records.ts',
      'libs/platform/postgres/embedded/embedded-postgres.ts',
      'apps/cli/main.ts',
    ];
    const composing = readers.filter((file) => !/^libs\/platform\/runtime\/|^apps\/cli\//.test(file));
    expect(composing.filter((file) => !allowed.includes(file))).toEqual([]);
  });

  it('keeps each driver and framework in its module', () => {
    const wrong = imports.flatMap(({ file, name, to }) => (to ? [] : (forbiddenPackage(file, name) ?? [])));
    expect(wrong).toEqual([]);
  });

  it('makes every connection to PostgreSQL in one place, with its timeouts and its listener for errors', () => {
    const places = files.filter((file) =>
      /\bnew (pg\.)?(Client|Pool)\(|\bnew Connection\(/.test(readFileSync(file, 'utf8')),
    );
    expect(places.filter((file) => !/^libs\/platform\/postgres\/(connection|pool|listener)\.ts$/.test(file))).toEqual(
      [],
    );
    const importers = imports.filter(({ name, to }) => !to && name === 'pg').map(({ file }) => file);
    expect([...new Set(importers)]).toEqual(['libs/platform/postgres/connection.ts', 'libs/platform/postgres/pool.ts']);
  });

  it('names what each pool of connections is for, which says how long anything may take on it', () => {
    const made = files.flatMap((file) => readFileSync(file, 'utf8').match(/\bcreatePool\([^)]*\)/g) ?? []);
    const pools = made.filter((call) => call.includes('rl,'));
    expect(pools.length).toBeGreaterThan(6);
    expect(pools.filter((call) => !/\brole: '|\brole,/.test(call))).toEqual([]);
  });

  it('would tell a forbidden import by file and import', () => {
    expect(forbiddenImport('libs/operational/sales/a.ts', 'libs/analytical/rfm/b.ts')).toMatch(
      /^libs\/operational\/sales\/a.ts -> /,
    );
    expect(forbiddenImport('libs/analytical/a.ts', 'libs/operational/b.ts')).toBeDefined();
    expect(forbiddenImport('libs/platform/http/a.ts', 'libs/contracts/b.ts')).toBeDefined();
    expect(forbiddenImport('apps/cli/a.ts', 'apps/relay/b.ts')).toBeDefined();
    expect(forbiddenImport('apps/cli/a.ts', 'apps/definitions.ts')).toBeUndefined();
    expect(forbiddenImport('libs/platform/http/a.ts', 'libs/platform/postgres/b.ts')).toBeDefined();
    expect(forbiddenImport('libs/platform/event-store/a.ts', 'libs/platform/event-store/postgres/b.ts')).toBeDefined();
    expect(forbiddenImport('libs/platform/projections/a.ts', 'libs/platform/event-bus/relay/b.ts')).toBeDefined();
    expect(forbiddenImport('libs/platform/projections/a.ts', 'libs/platform/event-bus/b.ts')).toBeUndefined();
    expect(forbiddenPackage('libs/operational/a.ts', 'pg')).toBeDefined();
    expect(forbiddenPackage('libs/platform/event-store/a.ts', 'kafkajs')).toBeDefined();
    expect(forbiddenPackage('libs/platform/kernel/a.ts', 'node:fs')).toBeDefined();
  });

  it('has a README in each library folder, of ten lines or so', () => {
    const folders = modules
      .map(({ folder }) => folder)
      .filter((folder) => folder.startsWith('libs/') && folder.endsWith('/'));
    const missing = folders.filter(
      (folder) =>
        !/\/(kafka|local|relay|memory|postgres|cursor-keys|api-keys|log|tokens)\/$/.test(folder) &&
        !existsSync(`${folder}README.md`),
    );
    expect(missing).toEqual([]);
  });

  it('gives every file of the write and read side a suffix that tells its layer', () => {
    const suffixes = /\.(events|command|aggregate|projection|table|query|policy|adapter|module|spec)\.ts$/;
    const commands = files.filter(
      (file) => file.startsWith('libs/operational/') && /command\(\{/.test(readFileSync(file, 'utf8')),
    );
    expect(commands.filter((file) => !suffixes.test(file))).toEqual([]);
  });
});

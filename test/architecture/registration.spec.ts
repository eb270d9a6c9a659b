import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { definitions } from '#apps/definitions.js';
import { eventsByAggregate } from '#contracts/index.js';
import { isEventContract } from '#platform/kernel/event-contract.js';
import { settings } from '#platform/runtime/settings.js';
import { aggregatesOf } from '#platform/runtime/composition.js';

// Nothing that stands in a file can be forgotten: what is not registered has no route, no document, no place in an
// import, no row and no timeline, and nobody would notice.

const filesOf = (suffix: string): string[] =>
  readdirSync('libs', { recursive: true, encoding: 'utf8' })
    .map((path) => join('libs', path))
    .filter((path) => path.endsWith(suffix));

/** What files of a kind export that is a definition of that kind, with the file. */
async function exported(suffix: string, is: (value: any) => boolean): Promise<{ file: string; value: any }[]> {
  const found: { file: string; value: any }[] = [];
  for (const file of filesOf(suffix)) {
    const exports = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
    const here = Object.values(exports).filter((value) => value !== null && is(value));
    if (here.length === 0) found.push({ file, value: undefined });
    found.push(...here.map((value) => ({ file, value })));
  }
  return found;
}

const isObject = (value: any, ...fields: string[]): boolean =>
  typeof value === 'object' && fields.every((field) => field in value);
const twice = (names: readonly string[]): string[] => names.filter((name, at) => names.indexOf(name) !== at);

describe('what is defined in a file is registered', () => {
  const audit = 'libs/platform/audit/';
  it.each([
    [
      '.command.ts',
      (value: any) => isObject(value, 'decide', 'path', 'creates'),
      new Set<unknown>(definitions.commands),
    ],
    ['.events.ts', isEventContract, new Set<unknown>(definitions.events)],
    [
      '.projection.ts',
      (value: any) => isObject(value, 'handlers', 'tables'),
      new Set<unknown>(definitions.projections),
    ],
    ['.policy.ts', (value: any) => isObject(value, 'send', 'on', 'when'), new Set<unknown>(definitions.policies)],
    ['.query.ts', (value: any) => isObject(value, 'run', 'answer', 'reads'), new Set<unknown>(definitions.queries)],
  ])('%s', async (suffix, is, registry) => {
    const found = (await exported(suffix, is)).filter(({ file }) => !file.startsWith(audit));
    expect(found.length).toBeGreaterThan(1);
    expect(found.filter(({ value }) => !registry.has(value)).map(({ file }) => file)).toEqual([]);
    // … and nothing is registered that stands in a file of another kind, where nobody would look for it.
    const there = new Set(found.map(({ value }) => value));
    expect([...registry].filter((value) => !there.has(value)).map((value: any) => value.name ?? value.type)).toEqual(
      [],
    );
  });

  it('and would be found if it were not', async () => {
    const found = await exported('.command.ts', (value) => isObject(value, 'decide', 'path', 'creates'));
    const registry = new Set<unknown>(definitions.commands.slice(1));
    expect(found.filter(({ value }) => !registry.has(value))).toHaveLength(1);
  });
});

describe('names', () => {
  it('are each of one thing', () => {
    const { commands, queries, projections, events, policies = [] } = definitions;
    expect(twice(commands.map(({ name }) => name))).toEqual([]);
    expect(twice(queries.map(({ name }) => name))).toEqual([]);
    expect(twice(projections.map(({ name }) => name))).toEqual([]);
    expect(twice(policies.map(({ name }) => name))).toEqual([]);
    expect(twice(events.map(({ type }) => type))).toEqual([]);
    expect(twice(aggregatesOf(commands).map(({ name }) => name))).toEqual([]);
    expect(twice(commands.map(({ method, path }) => `${method} ${path}`))).toEqual([]);
    expect(twice(queries.map(({ path }) => path.replace(/:\w+/g, ':')))).toEqual([]);
  });

  it('of the settings that switch policies on are in the table of settings', () => {
    const named = (definitions.policies ?? []).flatMap(({ setting }) => setting ?? []);
    expect(named.filter((name) => !(name in settings))).toEqual([]);
  });

  it('of aggregates are those under which their events are published', () => {
    const named = aggregatesOf(definitions.commands).map(({ name }) => name);
    expect(named.toSorted()).toEqual(Object.keys(eventsByAggregate).toSorted());
  });
});

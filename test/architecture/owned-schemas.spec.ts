import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { schemasIn } from '#platform/runtime/databases.js';

describe('schemas of the databases', () => {
  const files = readdirSync('libs', { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.migrations.ts'),
  );

  it.each(files)('are migrated by `yad migrate`: %s', async (file) => {
    const module = (await import(`../../libs/${file.replace(/\.ts$/, '.js')}`)) as Record<string, unknown>;
    const known = new Set<unknown>(Object.values(schemasIn).flat());
    const exported = Object.values(module);
    // One object with migrations and rights, which libs/platform/runtime/databases.ts names.
    expect(exported.filter((each) => !known.has(each))).toEqual([]);
    expect(exported).not.toEqual([]);
  });

  it('declare in one place what the migrations of each make', () => {
    const names = Object.values(schemasIn).flatMap((schemas) =>
      schemas.flatMap(({ rights }) => rights.map(({ schema }) => schema)),
    );
    expect(names).toEqual([...new Set(names)]);
    const made = Object.values(schemasIn)
      .flat()
      .flatMap(({ migrations }) =>
        migrations.flatMap(({ sql }) => [...sql.matchAll(/^create schema (?:if not exists )?(\w+)/gm)]),
      )
      .map(([, name]) => name!);
    expect(made.toSorted()).toEqual(names.toSorted());
  });
});

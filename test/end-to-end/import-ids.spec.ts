import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { importFile, type ImportReport } from '#apps/cli/import/import-file.js';
import { Mapping } from '#apps/cli/import/mapping.js';
import { derivedId } from '#platform/kernel/ids.js';
import { startSystem, type System } from '../support/system.js';

// Ids go everywhere: to Kafka, into exports and backups of read models. They were hashes of a customer's e-mail address,
// which whoever read one could try out.
describe('an id of an import tells nobody whose it is', () => {
  let folder: string;
  const systems: System[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'yad-import-ids-'));
    writeFileSync(join(folder, 'people.csv'), `mail,name\n${people.map((mail) => `${mail},N\n`).join('')}`);
    for (let i = 0; i < 2; i++) systems.push(await startSystem());
  }, 120_000);
  afterAll(async () => {
    for (const system of systems) await system.stop();
    rmSync(folder, { recursive: true });
  });

  // More than are asked for at once.
  const people = Array.from({ length: 1200 }, (_, i) => `person-${i}@example.com`);
  const words = (mail: string) => ['people', 'contact', mail];
  const mapping = Mapping.parse({
    name: 'people',
    commands: [
      {
        command: 'RegisterContact',
        key: { $column: 'mail' },
        input: {
          id: { $id: ['contact', { $column: 'mail' }] },
          name: { full: { $column: 'name' } },
          owner: { $column: 'mail' },
        },
      },
    ],
  });
  const importInto = ({ url }: System): Promise<ImportReport> =>
    importFile({ file: join(folder, 'people.csv'), mapping, url, refusedFile: join(folder, 'refused.csv') });
  /** The ids of the contacts on a log, by the address, which stands in the open here. */
  const idsOn = async ({ store }: System): Promise<Map<string, string>> => {
    const events = await store.readAll({ after: 0n, limit: 5000 });
    return new Map(events.map(({ aggregateId, data }) => [JSON.parse(data).owner, aggregateId]));
  };

  it('gives other ids on another log, and none that can be worked out from the file', async () => {
    for (const system of systems) {
      const { rows } = await importInto(system);
      expect(rows).toEqual({ read: people.length, stored: people.length, known: 0, refused: 0 });
    }
    const [one, other] = [await idsOn(systems[0]!), await idsOn(systems[1]!)];
    expect([[...one.keys()], [...other.keys()]]).toEqual([people, people]);
    const all = new Set([...one.values(), ...other.values()]);
    expect(all.size).toBe(2 * people.length);
    expect(people.filter((mail) => all.has(derivedId(...words(mail))))).toEqual([]);
  });

  it('gives the same ids on the same log: sent again, the file changes nothing', async () => {
    const [system] = systems as [System];
    const before = await system.head();
    const { rows } = await importInto(system);
    expect(rows).toEqual({ read: people.length, stored: 0, known: people.length, refused: 0 });
    expect(await system.head()).toBe(before);
    // Whoever may register can ask for them, and gets those that are stored.
    const asked = people.slice(0, 3);
    const { body } = await system.client.post('/v1/ids', { words: asked.map(words) });
    const stored = await idsOn(system);
    expect(body.ids).toEqual(asked.map((mail) => stored.get(mail)));
  });
});

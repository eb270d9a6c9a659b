import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { newId } from '#platform/kernel/ids.js';
import { projections } from '#analytical/index.js';
import { compareBuilds } from '#platform/projections/builds/compare.js';
import { describeTables } from '#platform/projections/tables/describe-tables.js';
import { startSystem, type System } from '../support/system.js';
import { Program } from './processes.js';

const KILLS = 4;

describe('a process that is killed while it builds a snapshot', () => {
  let system: System;
  let database: pg.Client;
  beforeAll(async () => {
    system = await startSystem();
    database = new pg.Client({ connectionString: system.databaseUrl });
    await database.connect();
    for (let batch = 0; batch < 20; batch++) {
      const items = Array.from({ length: 500 }, (_, i) => ({
        command: 'RegisterContact',
        input: { id: newId(), name: { full: `Person ${batch} ${i}` } },
      }));
      const { status } = await system.client.post('/v1/commands:batch', { items });
      expect(status).toBe(200);
    }
  }, 120_000);
  afterAll(async () => {
    await database.end();
    await system.stop();
  });

  it('is followed by another, which goes on: the rows are those of a build that nothing came upon', async () => {
    const env = { DATABASE_URL: system.databaseUrl };
    const taken: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      // Another point each time, so that nothing is there to be copied beyond what came before.
      const position = 9_000n + BigInt(kill);
      const program = new Program('cli/main.js', { args: ['snapshots', 'make', '--as-of', String(position)], env });
      const id = await building(position);
      await sleep(Math.random() * 400);
      program.signal('SIGKILL');
      await program.ended;
      const made = await system.host.snapshots.wait(id, 60_000);
      expect(made).toMatchObject({ status: 'ready', through: position });
      const { rows } = await database.query(`select attempts from projections.snapshots where id = $1`, [id]);
      taken.push(rows[0].attempts);
      for (const projection of projections) {
        const schema = `as_of_${kill}_${projection.name.replaceAll('-', '_')}`;
        await system.host.admin.asOf(projection.name, position, schema);
        const shapes = describeTables(projection);
        const side = (of: string) => ({ database: database as any, schema: of });
        expect(await compareBuilds(shapes, side(made.schema), side(schema))).toMatchObject({ equal: true });
      }
      await system.host.snapshots.remove(id, 'spec');
    }
    // Most of them were killed in the midst of it.
    expect(taken.filter((attempts) => attempts > 1).length).toBeGreaterThanOrEqual(KILLS / 4);
  }, 600_000);

  async function building(position: bigint): Promise<string> {
    for (let tries = 0; tries < 3_000; tries++) {
      const [latest] = await system.host.snapshots.list(1);
      if (latest?.through === position && latest.status !== 'waiting') return latest.id;
      await sleep(10);
    }
    throw new Error('nobody builds it');
  }
});

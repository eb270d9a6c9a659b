import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '#platform/kernel/ids.js';
import { policyFigures } from '#platform/policies/policy-figures.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated.js';

const NOW = new Date('2026-11-28T12:00:00Z');
const secondsAgo = (seconds: number): Date => new Date(NOW.getTime() - seconds * 1000);

describe('the figures of policies', () => {
  let database: MigratedDatabase;
  /** As the owner, who may put rows there. */
  let owner: Pool;
  let pool: Pool;
  beforeAll(async () => {
    database = await migratedDatabase();
    owner = createPool(database.ownerUrl, { role: 'write', max: 1 });
    pool = createPool(database.appUrl, { role: 'write', max: 1 });
  });
  afterAll(async () => {
    await Promise.all([pool.end(), owner.end()]);
    await database.drop();
  });
  beforeEach(async () => {
    await owner.query('delete from policies.policies');
    await owner.query('delete from policies.pending');
    await owner.query('delete from policies.outcomes');
    for (const policy of ['wake', 'remind']) {
      await owner.query(`insert into policies.policies (policy, version, from_position) values ($1, 1, 0)`, [policy]);
      await owner.query(
        `insert into policies.checkpoints (policy, partition, position) values ($1, 0, 90), ($1, 1, 70)`,
        [policy],
      );
    }
  });
  const figures = () => policyFigures(pool, ['wake'], { head: 100n, now: NOW });
  const pending = (runAt: Date | 'infinity', policy = 'wake') =>
    owner.query(
      `insert into policies.pending (command_id, policy, position, event_id, aggregate, aggregate_id, revision, subject, due, depth, run_at)
        values ($1::uuid, $2, 1, $1, 'case', $1, 0, $1::uuid::text, now(), 1, $3)`,
      [newId(), policy, runAt],
    );

  it('are nothing where nothing is to be done, but how much of the log is not read', async () => {
    expect(await figures()).toEqual([{ policy: 'wake', lagEvents: 30n, due: 0, overdueSeconds: 0, parked: 0 }]);
    expect(await policyFigures(pool, ['wake'], { head: 60n, now: NOW })).toMatchObject([{ lagEvents: 0n }]);
  });

  it('count what is due and since when, of that policy, and neither what waits for its time nor what is parked', async () => {
    for (const at of [secondsAgo(90), secondsAgo(5), secondsAgo(-3600), 'infinity'] as const) await pending(at);
    await pending(secondsAgo(1_000), 'remind');
    expect(await figures()).toMatchObject([{ due: 2, overdueSeconds: 90 }]);
  });

  it('of a policy that is paused have nothing due', async () => {
    await pending(secondsAgo(90));
    await owner.query(`update policies.policies set paused_at = now(), paused_by = 'ada' where policy = 'wake'`);
    expect(await figures()).toMatchObject([{ due: 0, overdueSeconds: 0 }]);
  });

  it('count what is parked, and no other outcome', async () => {
    for (const status of ['parked', 'accepted', 'refused', 'parked']) {
      await owner.query(
        `insert into policies.outcomes (command_id, policy, version, position, event_id, aggregate, aggregate_id, revision,
            subject, due, depth, status, attempts, decided_at)
          values ($1::uuid, 'wake', 1, 1, $1, 'case', $1, 0, $1::uuid::text, now(), 1, $2, 1, now())`,
        [newId(), status],
      );
    }
    expect(await figures()).toMatchObject([{ parked: 2 }]);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { dueQuery } from '#platform/policies/send-queue.js';
import { BEGAN, doLater, inSeconds, World } from './fixture.js';

const TIMERS = 1_000_000;

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  Plans?: Plan[];
}

describe('a million timers that wait', () => {
  let world: World;
  beforeAll(async () => void (world = await World.open()), 60_000);
  afterAll(() => world?.close());
  beforeEach(() => world.reset());

  it('cost nothing: what is due is found by index, and no row that waits is touched', async () => {
    const { level, sender } = await world.process([doLater]);
    await sender.renew();
    // Of a hundred thousand customers, and ten thousand of one.
    const SHARE = TIMERS / 20;
    for (let from = 1; from <= TIMERS; from += SHARE) {
      await world.pool.query(
        `insert into policies.pending (command_id, policy, position, event_id, aggregate, aggregate_id, revision, subject, due, depth, run_at)
       select gen_random_uuid(), 'do-later', 1000000 + n, gen_random_uuid(), 'errand', gen_random_uuid(), 0,
              'customer ' || case when n <= 10000 then 0 else n % 100000 end, t, 1, t
         from (select n, $1::timestamptz + interval '1 day' + n * interval '1 second' as t from generate_series($2::int, $3::int) n) all_of_them`,
        [BEGAN, from, from + SHARE - 1],
      );
    }
    await world.pool.query('analyze policies.pending');
    const id = await world.ask(1, 'gladly', inSeconds(10));
    const before = performance.now();
    await level();
    world.clock.set(inSeconds(11));
    const { text, values } = dueQuery('process-1', [{ policy: 'do-later', version: 1 }], world.clock.now(), 200);
    const { rows } = await world.pool.query(`explain (analyze, format json) ${text}`, values);
    const nodes = nodesOf((rows[0] as any)['QUERY PLAN'][0].Plan).filter((node) => node['Relation Name'] === 'pending');
    expect(nodes.length).toBeGreaterThan(0);
    expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
    expect(nodes.reduce((sum, node) => sum + node['Actual Rows'] * node['Actual Loops'], 0)).toBeLessThanOrEqual(4);
    await sender.sendDue();
    expect(await world.dones(id)).toBe(1);
    console.log(`one of ${TIMERS + 1} timers set and sent in ${Math.round(performance.now() - before)} ms`);
  }, 300_000);
});

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

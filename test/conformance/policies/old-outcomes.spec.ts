import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { deleteOldOutcomes, OUTCOMES_IN_A_STEP } from '#platform/policies/old-outcomes.js';
import { broken, doAtOnce, doLater, inSeconds, World } from './fixture.js';

const names = [doAtOnce.name];

describe('outcomes that are old', () => {
  let world: World;
  beforeAll(async () => void (world = await World.open()), 60_000);
  afterAll(() => world?.close());
  beforeEach(() => world.reset());

  it('are deleted, those that are parked not; and what was sent is still sent once', async () => {
    broken.add('poison');
    const { level, sender, consumer } = await world.process([doAtOnce], { limits: { tries: 1 } });
    const [done, refused] = [await world.ask(1, 'gladly'), await world.ask(2, 'forbidden')];
    const parked = await world.ask(3, 'poison');
    await level();
    await sender.sendDue();
    // The policy has read what its command stored.
    await level();
    world.clock.set(inSeconds(3600));
    const young = await world.ask(4, 'later');
    await level();
    await sender.sendDue();
    await level();
    expect(await deleteOldOutcomes(world.pool, names, inSeconds(60))).toEqual(new Map([['do-at-once', 2]]));
    expect((await world.outcomes()).map(({ position, status }) => [position, status])).toEqual([
      [3, 'parked'],
      [5, 'accepted'],
    ]);
    expect(await world.verify(doAtOnce)).toMatchObject({ isEqual: true });

    // All of it is delivered again, as by a replay.
    broken.clear();
    await world.pool.query(
      `update policies.checkpoints set position = 0, epoch = epoch + 1; delete from policies.pending`,
    );
    consumer.forget();
    await level();
    await world.pool.query(`update policies.pending set run_at = due`);
    await sender.sendDue();
    const dones = await Promise.all([done, refused, parked, young].map((id) => world.dones(id)));
    expect(dones).toEqual([1, 0, 1, 1]);
  });

  it('stay while a policy has not read what their command stored: they tell how deep a chain is', async () => {
    const { level, sender } = await world.process([doAtOnce]);
    await world.ask(1, 'gladly');
    await level();
    await sender.sendDue();
    world.clock.set(inSeconds(3600));
    expect(await deleteOldOutcomes(world.pool, names, inSeconds(60))).toEqual(new Map());
    await level();
    expect(await deleteOldOutcomes(world.pool, names, inSeconds(60))).toEqual(new Map([['do-at-once', 1]]));
  });

  it('are let go in steps of a bounded size, of those policies only that are asked about', async () => {
    const { level } = await world.process([doAtOnce, doLater]);
    await world.ask(1, 'never mind', inSeconds(10));
    await level();
    await world.pool.query(
      `insert into policies.outcomes (command_id, policy, version, position, event_id, aggregate, aggregate_id, revision,
                                      subject, due, depth, status, attempts, decided_at)
       select gen_random_uuid(), case when n % 3 = 0 then 'do-later' else 'do-at-once' end, 1, 1, gen_random_uuid(), 'errand',
              gen_random_uuid(), 0, 'somebody', $1, 1, 'nothing', 1, $1 from generate_series(1, 2100) n`,
      [inSeconds(0)],
    );
    const step = async (): Promise<number> =>
      (await deleteOldOutcomes(world.pool, names, inSeconds(60))).get('do-at-once') ?? 0;
    expect([await step(), await step(), await step()]).toEqual([OUTCOMES_IN_A_STEP, 400, 0]);
    expect((await world.outcomes()).map(({ policy }) => policy)).toEqual(Array(700).fill('do-later'));
  });
});

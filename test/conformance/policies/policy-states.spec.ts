import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { policy } from '#platform/kernel/policy.js';
import { fold } from '#platform/kernel/policy-state.js';
import {
  asked,
  counted,
  countErrand,
  countThem,
  countThemAnew,
  dropErrand,
  dropped,
  idOf,
  inSeconds,
  World,
  type Process,
} from './fixture.js';

describe('what policies keep of each subject', () => {
  let world: World;
  beforeAll(async () => void (world = await World.open()), 60_000);
  afterAll(() => world?.close());
  beforeEach(() => world.reset());

  const written = async (): Promise<[string, string][]> =>
    (await world.events())
      .filter(({ type }) => type === counted.type)
      .map(({ aggregateId, data }) => [aggregateId, (JSON.parse(data) as { how: string }).how]);
  const sendAll = async ({ level, sender }: Process): Promise<void> => {
    await level();
    world.clock.set(inSeconds(1_000));
    await sender.sendDue();
  };
  const kept = async (): Promise<unknown[]> =>
    (await world.pool.query(`select subject, version, position::int, state from policies.states order by subject`))
      .rows;

  it('is of the whole past of a subject, also of what was before the policy first ran', async () => {
    await world.ask(1, 'before');
    const process = await world.process([countThem]);
    const id = await world.ask(1, 'after');
    await world.ask(2, 'another subject');
    await sendAll(process);
    expect(new Map(await written()).get(id)).toBe('2 asked, 0 dropped, 0 done');
  });

  it('is as it was after the event, whatever has happened before the command is due', async () => {
    const process = await world.process([countThem]);
    const first = await world.ask(1, 'first');
    const second = await world.ask(1, 'second');
    await world.send(dropErrand, {}, first);
    await sendAll(process);
    expect(await written()).toEqual([
      [first, '1 asked, 0 dropped, 0 done'],
      [second, '2 asked, 0 dropped, 0 done'],
    ]);
    expect(await kept()).toEqual([
      { subject: idOf(1), version: 1, position: 3, state: '{"asks":2,"drops":1,"dones":0}' },
    ]);
    expect(await world.verify(countThem)).toMatchObject({ isEqual: true, states: 1 });
  });

  it('is folded anew by newer code, whose state has another shape', async () => {
    const old = await world.process([countThem]);
    await world.ask(1, 'first');
    await old.level();
    const newer = await world.process([countThemAnew]);
    await world.ask(1, 'second');
    await old.level();
    expect(old.members[0]!.isAside).toBe(true);
    await sendAll(newer);
    expect((await written()).map(([, how]) => how)).toEqual([
      '1 asked, 0 dropped, 0 done',
      '2 asked, 0 dropped, 0 done',
    ]);
    expect(await kept()).toEqual([{ subject: idOf(1), version: 2, position: 2, state: '"??"' }]);
  });

  it('is what the log holds after a failover, not what it has lost', async () => {
    const process = await world.process([countThem]);
    await world.ask(1, 'kept');
    await world.ask(1, 'lost');
    await process.level();
    world.store.failOver(1n);
    const next = await world.process([countThem]);
    const id = await world.ask(1, 'after');
    await sendAll(next);
    expect(new Map(await written()).get(id)).toBe('2 asked, 0 dropped, 0 done');
    expect(await world.verify(countThem)).toMatchObject({ isEqual: true });
  });

  it('is compared with the log: one that says something else is found', async () => {
    const process = await world.process([countThem]);
    await world.ask(1, 'first');
    await process.level();
    await world.pool.query(`update policies.states set state = '{"asks":7,"drops":0,"dones":0}'`);
    expect(await world.verify(countThem)).toMatchObject({ isEqual: false, otherState: [1n] });
  });

  it('parks what rests on it at once where it is too large, and says so, until it keeps less', async () => {
    const keeps = (version: number, most: number) =>
      policy({
        name: 'keeps-much',
        version,
        about: 'Keeps the ids of all errands of a subject',
        on: [asked, dropped],
        state: {
          initial: [] as readonly string[],
          on: [
            fold(asked, (ids: readonly string[], { aggregateId }) => [...ids, aggregateId].slice(-most)),
            fold(dropped, (ids: readonly string[], { aggregateId }) => ids.filter((id) => id !== aggregateId)),
          ],
          mostBytes: 100,
        },
        send: ({ aggregateId }, { state }) => countErrand.for(aggregateId, { how: `${state.length}` }),
      });
    const process = await world.process([keeps(1, 100)]);
    const ids = [await world.ask(1, 'one'), await world.ask(1, 'two'), await world.ask(1, 'three')];
    const other = await world.ask(2, 'of another subject');
    await sendAll(process);
    expect(new Map(await written())).toEqual(
      new Map([
        [ids[0], '1'],
        [ids[1], '2'],
        [other, '1'],
      ] as [string, string][]),
    );
    expect((await world.outcomes()).filter(({ status }) => status === 'parked')).toEqual([
      { policy: 'keeps-much', position: 3, status: 'parked', rule: null, error: 'StateTooLarge' },
    ]);
    expect(world.troubles.map((error) => ((error as Error).cause as Error).message)).toEqual([
      'keeps-much: its state has 118 bytes, and may have 100: it must keep less of each subject',
    ]);
    // Newer code keeps less; what was parked is taken up again, and what waited behind it.
    const mended = await world.process([keeps(2, 2)]);
    await world.pool.query(`update policies.pending set run_at = due, attempts = 0`);
    await sendAll(mended);
    expect(new Map(await written()).get(ids[2]!)).toBe('2');
  });
});

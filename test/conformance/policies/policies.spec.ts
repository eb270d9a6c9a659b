import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { BusMessage } from '#platform/event-bus/event-bus.js';
import { policyActor, type PolicyDefinition } from '#platform/kernel/policy.js';
import {
  broken,
  doAtOnce,
  doLater,
  dropErrand,
  inSeconds,
  mergeErrand,
  passForEver,
  passOn,
  PARTITIONS,
  World,
} from './fixture.js';

const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
const delivery = (messages: readonly BusMessage[]) => ({ messages, partitions });

describe('policies', () => {
  let world: World;
  beforeAll(async () => void (world = await World.open()), 60_000);
  afterAll(() => world?.close());
  beforeEach(() => world.reset());

  it('begin with what happens from now on: what was there before has nothing sent', async () => {
    await world.ask(1, 'before');
    const { level, sender } = await world.process([doAtOnce]);
    const id = await world.ask(1, 'after');
    await level();
    await sender.sendDue();
    expect(await world.outcomes()).toEqual([
      { policy: 'do-at-once', position: 2, status: 'accepted', rule: null, error: null },
    ]);
    const sent = (await world.events()).at(-1)!;
    const cause = (await world.events())[1]!;
    expect(sent).toMatchObject({ aggregateId: id, meta: { actor: policyActor('do-at-once'), causationId: cause.id } });
  });

  it('say what became of each command, and nothing of what was written', async () => {
    const { level, sender } = await world.process([doAtOnce]);
    for (const words of ['gladly', 'as it is', 'forbidden', 'never mind']) await world.ask(1, words);
    await level();
    const { rows } = await world.pool.query(`select p::text as text from policies.pending p`);
    expect(rows.filter(({ text }: any) => /gladly|forbidden/.test(text))).toEqual([]);
    await sender.sendDue();
    const status = (await world.outcomes()).map((each) => [each.status, each.rule]);
    expect(status).toEqual([
      ['accepted', null],
      ['no-change', null],
      ['refused', 'may-be-done'],
      ['nothing', null],
    ]);
    expect(await world.pending()).toEqual([]);
  });

  it('count each event once, whatever the bus drops, doubles or reorders', async () => {
    const first = await world.process([doAtOnce]);
    const second = await world.process([doAtOnce]);
    for (let i = 0; i < 12; i++) await world.ask(i, 'gladly');
    const messages = await world.messages();
    await Promise.all([
      first.consumer.deliver(delivery([...messages.slice(6), ...messages.slice(2, 4)])),
      second.consumer.deliver(delivery([...messages.slice(4, 9), ...messages])),
      first.consumer.deliver(delivery(messages.filter((_, at) => at % 3 === 0))),
    ]);
    await first.level();
    expect(await world.pending()).toHaveLength(12);
    await Promise.all([first.sender.sendDue(), second.sender.sendDue()]);
    expect((await world.events()).length).toBe(24);
  });

  it('fire a timer at its time and not before, in order of due time after an outage', async () => {
    const { level, sender } = await world.process([doLater]);
    const late = await world.ask(1, 'third', inSeconds(30));
    const early = await world.ask(2, 'first', inSeconds(10));
    const between = await world.ask(1, 'second', inSeconds(20));
    await level();
    world.clock.set(inSeconds(9.999));
    await sender.sendDue();
    expect((await world.events()).length).toBe(3);
    world.clock.set(inSeconds(3600));
    await sender.sendDue();
    const order = (await world.events()).slice(3).map(({ aggregateId }) => aggregateId);
    expect(order.indexOf(between)).toBeLessThan(order.indexOf(late));
    expect(order.toSorted()).toEqual([late, early, between].toSorted());
  });

  it('take a timer back, also where the consumer has not seen it yet', async () => {
    const { level, sender } = await world.process([doLater]);
    const seen = await world.ask(1, 'dropped in time', inSeconds(10));
    const unseen = await world.ask(2, 'dropped behind the consumer', inSeconds(10));
    await world.send(dropErrand, {}, seen);
    await level();
    expect(await world.pending()).toHaveLength(1);
    await world.send(dropErrand, {}, unseen);
    world.clock.set(inSeconds(11));
    await sender.sendDue();
    expect([await world.dones(seen), await world.dones(unseen)]).toEqual([0, 0]);
    expect((await world.outcomes()).map(({ status }) => status)).toEqual(['withdrawn']);
  });

  it('fire no timer over what comes between the look and the command', async () => {
    let between: (() => Promise<unknown>) | undefined;
    const gateway = {
      execute: async (message: any) => {
        await between?.();
        between = undefined;
        return world.gateway.execute(message);
      },
    };
    const { level, sender } = await world.process([doLater], { gateway });
    const id = await world.ask(1, 'raced', inSeconds(10));
    await level();
    world.clock.set(inSeconds(11));
    between = () => world.send(dropErrand, {}, id);
    await sender.sendDue();
    expect(await world.dones(id)).toBe(0);
    expect((await world.outcomes()).map(({ status }) => status)).toEqual(['withdrawn']);
  });

  it('find by its receipt what was sent before a crash, also a timer that its own command would take back', async () => {
    const crash = {
      execute: (message: any) => world.gateway.execute(message).then(() => Promise.reject(new Error('killed'))),
    };
    const killed = await world.process([doLater, doAtOnce], { gateway: crash, limits: { leaseMs: 0 } });
    const [later, once] = [await world.ask(1, 'later', inSeconds(10)), await world.ask(2, 'at once')];
    await killed.level();
    world.clock.set(inSeconds(11));
    await killed.sender.sendDue();
    const next = await world.process([doLater, doAtOnce]);
    await next.level();
    world.clock.set(inSeconds(30));
    await next.sender.sendDue();
    expect([await world.dones(later), await world.dones(once)]).toEqual([1, 1]);
    expect((await world.outcomes()).map(({ status }) => status)).toEqual(['accepted', 'accepted']);
    expect(await world.pending()).toEqual([]);
  });

  it('try again what failed, park it, and let what is behind it of the same customer wait', async () => {
    broken.add('poison');
    const { level, sender } = await world.process([doAtOnce], { limits: { tries: 3, firstMs: 1000, capMs: 1000 } });
    const [sick, behind, other] = [
      await world.ask(1, 'poison'),
      await world.ask(1, 'behind'),
      await world.ask(2, 'other'),
    ];
    await level();
    for (let second = 0; second <= 6; second += 2) {
      world.clock.set(inSeconds(second));
      await sender.sendDue();
    }
    expect([await world.dones(sick), await world.dones(behind), await world.dones(other)]).toEqual([0, 0, 1]);
    const parked = { policy: 'do-at-once', position: 1, status: 'parked', rule: null, error: 'TypeError' };
    expect((await world.outcomes())[0]).toEqual(parked);
    expect((await world.pending()).map(({ waits }) => waits)).toEqual([true, true]);
    expect(world.troubles.map((error) => (error as Error).message)).toEqual([
      'do-at-once: the command about 1 is parked',
    ]);

    // What comes later waits, too.
    const later = await world.ask(1, 'later');
    await level();
    await sender.sendDue();
    expect(await world.dones(later)).toBe(0);

    broken.clear();
    const { rowCount } = await world.pool.query(
      `update policies.pending set run_at = due, attempts = 0 where policy = 'do-at-once' and run_at = 'infinity'`,
    );
    expect(rowCount).toBe(3);
    await sender.sendDue();
    const order = (await world.events())
      .filter(({ type }) => type === 'test.errand.done')
      .map((each) => each.aggregateId);
    expect(order).toEqual([other, sick, behind, later]);
    expect((await world.outcomes())[0]).toMatchObject({ status: 'accepted', error: null });
  });

  it('park a chain of causes that is deeper than sixteen', async () => {
    const { level, sender } = await world.process([passForEver]);
    const id = await world.ask(1, 'to be passed on');
    await world.send(passOn, {}, id);
    for (let i = 0; i < 20; i++) {
      await level();
      await sender.sendDue();
    }
    const outcomes = await world.outcomes();
    expect(outcomes).toHaveLength(17);
    expect(outcomes.slice(0, 16).every(({ status }) => status === 'accepted')).toBe(true);
    expect(outcomes[16]).toMatchObject({ status: 'parked', error: 'ChainTooDeep' });
  });

  it('send to the one that it was merged into', async () => {
    const { level, sender } = await world.process([doAtOnce]);
    const [gone, middle, stays] = [
      await world.ask(1, 'gladly'),
      await world.ask(1, 'never mind'),
      await world.ask(1, 'never mind'),
    ];
    await world.send(mergeErrand, { into: middle }, gone);
    await world.send(mergeErrand, { into: stays }, middle);
    await level();
    await sender.sendDue();
    expect([await world.dones(gone), await world.dones(stays)]).toEqual([0, 1]);
  });

  it('of a raised version take over, and older code stands aside', async () => {
    const old = await world.process([doLater], { limits: { leaseMs: 0 } });
    const id = await world.ask(1, 'in ten', inSeconds(10));
    await old.level();
    const raised: PolicyDefinition = {
      ...doLater,
      version: 2,
      after: ({ data }) => new Date(Date.parse(data.at) + 20_000),
    };
    const newer = await world.process([raised]);
    const next = await world.ask(1, 'in ten, too', inSeconds(10));
    await Promise.all([old.level(), newer.level()]);
    await old.level();
    expect(old.members[0]!.isAside).toBe(true);
    world.clock.set(inSeconds(11));
    await Promise.all([old.sender.sendDue(), newer.sender.sendDue()]);
    expect([await world.dones(id), await world.dones(next)]).toEqual([0, 0]);
    world.clock.set(inSeconds(31));
    await Promise.all([old.sender.sendDue(), newer.sender.sendDue()]);
    expect([await world.dones(id), await world.dones(next)]).toEqual([1, 1]);
  });

  it('wait at an event of a newer version, in its partition only, and say so', async () => {
    const older: PolicyDefinition = { ...doAtOnce, versions: new Map([['test.errand.asked', 0]]) };
    const { level, members } = await world.process([older, doLater]);
    await world.ask(1, 'gladly', inSeconds(10));
    await level();
    const { rows } = await world.pool.query(
      `select policy, waits_for from policies.checkpoints where waits_for is not null`,
    );
    expect(rows).toEqual([{ policy: 'do-at-once', waits_for: 'test.errand.asked of version 1' }]);
    expect(members[0]!.pauses.first?.message).toMatch(/waits at 1 for newer code/);
    expect(await world.pending()).toMatchObject([{ policy: 'do-later' }]);
    const upgraded = await world.process([doAtOnce]);
    await world.ask(1, 'gladly');
    await upgraded.level();
    expect(await world.pending()).toMatchObject([{ policy: 'do-at-once', position: 2 }, { policy: 'do-later' }]);
  });

  it('forget what the log has lost, and send again what was lost of theirs', async () => {
    const { level, sender, consumer } = await world.process([doAtOnce, doLater]);
    const kept = await world.ask(1, 'gladly');
    const later = await world.ask(2, 'later', inSeconds(60));
    await world.ask(3, 'lost', inSeconds(60));
    await level();
    await sender.sendDue();
    expect(await world.dones(kept)).toBe(1);
    // The last event is the command's own, the one before the timer that is lost.
    world.store.failOver(2n);
    expect(await world.dones(kept)).toBe(0);
    const after = await world.process([doAtOnce, doLater]);
    consumer.forget();
    await after.level();
    await sender.sendDue();
    await after.sender.sendDue();
    world.clock.set(inSeconds(61));
    await sender.sendDue();
    await after.sender.sendDue();
    expect([await world.dones(kept), await world.dones(later)]).toEqual([1, 1]);
    expect((await world.outcomes()).map(({ policy, position }) => [policy, position])).toEqual([
      ['do-at-once', 1],
      ['do-later', 2],
    ]);
  });

  it('are held to their log and to the partitions of their bus', async () => {
    await world.process([doAtOnce]);
    const { store } = world;
    await world.pool.query(`update policies.settings set partitions = 7`);
    await expect(world.process([doAtOnce])).rejects.toThrow(/of 7 partitions, and the bus has 3/);
    await world.pool.query(`update policies.settings set partitions = 3, log_id = gen_random_uuid()`);
    await expect(world.process([doAtOnce])).rejects.toThrow(new RegExp(`and this is the log ${store.identity.id}`));
  });

  it('have one sender at a time, and another once it is gone', async () => {
    const first = await world.process([doAtOnce], { limits: { leaseMs: 60_000 } });
    const second = await world.process([doAtOnce], { limits: { leaseMs: 0 } });
    const id = await world.ask(1, 'gladly');
    await first.level();
    await first.sender.renew();
    expect(await second.sender.sendDue()).toBe(0);
    await first.sender.stop();
    await second.sender.sendDue();
    expect(await world.dones(id)).toBe(1);
  });
});

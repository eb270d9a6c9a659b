import { expect } from '@jest/globals';
import fc from 'fast-check';
import type { CommandGateway } from '#platform/command-handling/command-gateway.js';
import { backoff } from '#platform/kernel/backoff.js';
import type { PolicyDefinition } from '#platform/kernel/policy.js';
import {
  asked,
  counted,
  countsOf,
  countThem,
  countThemAnew,
  doAtOnce,
  doLater,
  done,
  dropErrand,
  dropped,
  howOf,
  inSeconds,
  PARTITIONS,
  type Process,
  type World,
} from './fixture.js';

type Step =
  /** Somebody asks for something, at once or so many seconds later. */
  | { readonly is: 'ask'; readonly subject: number; readonly after?: number }
  /** One of those is dropped. */
  | { readonly is: 'drop'; readonly which: number }
  /** The bus hands over some messages, out of order, doubled, with holes. */
  | { readonly is: 'deliver'; readonly process: 0 | 1; readonly picks: readonly number[] }
  /** A process sends what is due; `dies` after so many commands that the log has taken. */
  | { readonly is: 'send'; readonly process: 0 | 1; readonly dies?: number }
  | { readonly is: 'restart'; readonly process: 0 | 1 }
  /** It starts with newer code of a policy, whose state has another shape; older code stands aside from then on. */
  | { readonly is: 'raise'; readonly process: 0 | 1 }
  /** Whoever missed something reads the log. */
  | { readonly is: 'level'; readonly process: 0 | 1 }
  /** The clock moves, also back. */
  | { readonly is: 'clock'; readonly by: number }
  /** What was noted is lost, and derived from the log again. */
  | { readonly is: 'rebuild' }
  /** States that were kept are not any more. */
  | { readonly is: 'forget' };

const process = fc.constantFrom<0 | 1>(0, 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({
      is: fc.constant('ask' as const),
      subject: fc.nat(4),
      after: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined }),
    }),
    weight: 5,
  },
  { arbitrary: fc.record({ is: fc.constant('drop' as const), which: fc.nat(30) }), weight: 2 },
  {
    arbitrary: fc.record({
      is: fc.constant('deliver' as const),
      process,
      picks: fc.array(fc.nat(99), { maxLength: 8 }),
    }),
    weight: 4,
  },
  {
    arbitrary: fc.record({ is: fc.constant('send' as const), process, dies: fc.option(fc.nat(3), { nil: undefined }) }),
    weight: 4,
  },
  { arbitrary: fc.record({ is: fc.constant('restart' as const), process }), weight: 1 },
  { arbitrary: fc.record({ is: fc.constant('raise' as const), process }), weight: 1 },
  { arbitrary: fc.record({ is: fc.constant('level' as const), process }), weight: 1 },
  { arbitrary: fc.record({ is: fc.constant('clock' as const), by: fc.integer({ min: -5, max: 30 }) }), weight: 3 },
  { arbitrary: fc.record({ is: fc.constant('rebuild' as const) }), weight: 1 },
  { arbitrary: fc.record({ is: fc.constant('forget' as const) }), weight: 1 },
);

const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
// Nobody waits for a lease here: two that send at once is what is looked at.
const limits = { leaseMs: 0, tries: 1_000, firstMs: 1, capMs: 1 };

/**
 * Whatever happens in whatever order, to two processes that die at any moment: each event has had its command once where
 * it was due, at its time or later, and none where it was taken back before; and each that was sent has its outcome. One
 * that depends on what a policy keeps of a subject is the one that all events up to its own ask for, and no other.
 */
export async function policiesProperty(world: World, runs: number, size: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: size }), async (steps) => {
      await world.reset();
      let counting: PolicyDefinition = countThem;
      const start = (gateway?: CommandGateway): Promise<Process> =>
        world.process([doAtOnce, doLater, counting], { gateway, limits });
      const processes = [await start(), await start()];
      const errands: string[] = [];
      let seconds = 0;
      const underWay: Promise<unknown>[] = [];
      for (const each of steps) {
        if (each.is === 'ask') {
          const at = each.after === undefined ? undefined : inSeconds(seconds + each.after);
          errands.push(await world.ask(each.subject, 'gladly', at));
        } else if (each.is === 'drop') {
          const id = errands[each.which % errands.length];
          if (id) underWay.push(world.send(dropErrand, {}, id));
        } else if (each.is === 'deliver') {
          const messages = await world.messages();
          const chosen = each.picks.flatMap((pick) => messages[pick % messages.length] ?? []);
          underWay.push(processes[each.process]!.consumer.deliver({ messages: chosen, partitions }));
        } else if (each.is === 'send') {
          const { dies } = each;
          if (dies === undefined) underWay.push(processes[each.process]!.sender.sendDue());
          else {
            // It dies as soon as the log has so many of its commands, before it can note that.
            const dying = await start(diesAfter(world, dies));
            underWay.push(dying.sender.sendDue().catch(() => {}));
          }
        } else if (each.is === 'restart') processes[each.process] = await start();
        else if (each.is === 'raise') {
          counting = countThemAnew;
          processes[each.process] = await start();
        } else if (each.is === 'forget') await world.pool.query(`delete from policies.states where position % 2 = 0`);
        else if (each.is === 'level') underWay.push(processes[each.process]!.level());
        else if (each.is === 'rebuild') {
          await Promise.all(underWay.splice(0));
          await world.pool.query(
            `begin; update policies.checkpoints set position = 0, epoch = epoch + 1;
             delete from policies.states; delete from policies.pending; commit`,
          );
          for (const { consumer } of processes) consumer.forget();
        } else {
          seconds = Math.max(0, seconds + each.by);
          world.clock.set(inSeconds(seconds));
        }
      }
      await Promise.all(underWay);
      await finish(world, await start());
      await check(world);
      await checkCounts(world, counting);
    }),
    { numRuns: runs, endOnFailure: globalThis.process.env['CI'] === undefined },
  );
}

function diesAfter(world: World, commands: number): CommandGateway {
  let left = commands;
  return {
    execute: async (message) => {
      if (left < 0) throw new Error('it is dead');
      const result = await world.gateway.execute(message);
      if (left-- <= 0) throw new Error('it dies before it notes the outcome');
      return result;
    },
  };
}

async function finish(world: World, last: Process): Promise<void> {
  for (let i = 0; i < 3; i++) {
    // Beyond every timer, and every pause after a failure.
    world.clock.set(inSeconds(1_000_000 + i * 1_000 + backoff(1)));
    await last.level();
    await last.sender.sendDue();
  }
}

async function check(world: World): Promise<void> {
  const events = await world.events();
  const own = (await world.outcomes()).filter(({ policy }) => policy !== countThem.name);
  const outcomes = new Map(own.map((each) => [each.position, each]));
  const fail = (what: string): never => {
    const told = events.map(({ position, type, aggregateId, recordedAt }) => [
      Number(position),
      type,
      aggregateId.slice(-4),
      recordedAt,
    ]);
    throw new Error(`${what}\n${JSON.stringify(told)}\n${JSON.stringify([...outcomes.values()])}`);
  };
  if ((await world.pending()).length > 0) fail('something is still pending');
  for (const event of events.filter(({ type }) => type === asked.type)) {
    const stream = events.filter(({ aggregateId }) => aggregateId === event.aggregateId);
    const dones = stream.filter(({ type }) => type === done.type);
    const drop = stream.find(({ type }) => type === dropped.type);
    const { at } = JSON.parse(event.data) as { at?: string };
    const outcome = outcomes.get(Number(event.position));
    if (dones.length > 1) fail(`done ${dones.length} times`);
    if (at === undefined || !drop) {
      if (dones.length !== 1) fail('not done');
    }
    if (dones.length === 1 && outcome?.status !== 'accepted') fail(`done, and its outcome is ${outcome?.status}`);
    if (dones.length === 0 && outcome && outcome.status !== 'withdrawn') fail(`not done, and it is ${outcome.status}`);
    if (at !== undefined && dones[0]) {
      if (dones[0].recordedAt < new Date(at)) fail('done before its time');
      if (drop && drop.position < dones[0].position) fail('done after it was dropped');
    }
    if (dones[0] && dones[0].meta.causationId !== event.id) fail('caused by another');
  }
}

/** Each command is what the events of its subject up to its cause ask for, and what is kept says the same as the log. */
async function checkCounts(world: World, policy: PolicyDefinition): Promise<void> {
  const events = await world.events();
  for (const event of events.filter(({ type }) => type === asked.type)) {
    const before = events.filter(({ subject, position }) => subject === event.subject && position <= event.position);
    const counts = countsOf(before.map(({ type }) => type));
    const own = events.filter(({ type, meta }) => type === counted.type && meta.causationId === event.id);
    const written = own.map(({ data }) => (JSON.parse(data) as { how: string }).how);
    const expected = counts.asks % 3 === 0 ? [] : [howOf(counts)];
    expect({ position: event.position, written }).toEqual({ position: event.position, written: expected });
    const due = event.recordedAt.getTime() + counts.asks * 1000;
    for (const { recordedAt } of own) expect(recordedAt.getTime()).toBeGreaterThanOrEqual(due);
  }
  const { states, ...verified } = await world.verify(policy);
  expect(verified).toMatchObject({ isEqual: true, otherState: [] });
  const { rows } = await world.pool.query(`select from policies.states where version = $1`, [policy.version]);
  expect(states).toBe(rows.length);
}

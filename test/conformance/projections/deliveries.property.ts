import fc from 'fast-check';
import type { BusMessage } from '#platform/event-bus/event-bus.js';
import type { ProjectionGroup } from '#platform/projections/running/projection-group.js';
import { counts, PARTITIONS, timeline, together, type Happening, type World } from './fixture.js';

const happening: fc.Arbitrary<Happening> = fc.record({
  subject: fc.nat({ max: 6 }),
  what: fc.constantFrom('counted', 'counted', 'counted', 'noted', 'cleared'),
  day: fc.nat({ max: 2 }),
  amount: fc.nat({ max: 100_000 }),
});

interface Batch {
  /** Which group of two gets it; a zombie is just another group. */
  group: 0 | 1;
  /** Messages by index into the log; out of order, doubled, with holes. */
  picks: number[];
  wait: boolean;
}

const batch: fc.Arbitrary<Batch> = fc.record({
  group: fc.constantFrom(0, 1),
  picks: fc.array(fc.nat({ max: 999 }), { maxLength: 12 }),
  wait: fc.boolean(),
});

/**
 * Any interleaving, duplication, loss and reordering of deliveries, to two writers at once, gives the rows that a
 * rebuild from the log gives, byte for byte.
 */
export async function deliveriesProperty(world: World, runs: number, size: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { minLength: 1, maxLength: size }),
      fc.array(batch, { maxLength: size / 2 }),
      async (happenings, batches) => {
        await world.reset();
        await world.happen(...happenings);
        const messages = await world.messages();
        const groups = [await world.group(counts(), timeline()), await world.group(counts(), timeline())];
        await play(groups, messages, batches);
        await finish(groups[0]!, world);
        const admin = await world.admin(counts(), timeline());
        for (const { projection, comparison, failure } of (await admin.verifyAll()).projections) {
          if (!comparison?.equal)
            throw new Error(`${projection}: ${failure ?? JSON.stringify(comparison?.differences)}`);
        }
        const entries = await world.rows('entries');
        if (entries.length !== messages.length) throw new Error(`${entries.length} entries of ${messages.length}`);
      },
    ),
    { numRuns: runs, endOnFailure: process.env['CI'] === undefined },
  );
}

async function play(
  groups: readonly ProjectionGroup[],
  messages: readonly BusMessage[],
  batches: readonly Batch[],
): Promise<void> {
  const underWay: Promise<void>[] = [];
  for (const { group, picks, wait } of batches) {
    const chosen = picks.map((pick) => messages[pick % messages.length]!);
    const partitions = [...new Set(chosen.map(({ partition }) => partition))];
    const delivered = groups[group]!.deliver({ messages: chosen, partitions });
    underWay.push(delivered);
    if (wait) await delivered;
  }
  await Promise.all(underWay);
}

/** What was never delivered, the reconciler brings. */
async function finish(group: ProjectionGroup, world: World): Promise<void> {
  const { position } = await world.store.head();
  const targets = new Map(Array.from({ length: PARTITIONS }, (_, partition) => [partition, position]));
  await group.reconcile(new Map(group.members.map(({ name }) => [name, targets])));
  await together(group);
}

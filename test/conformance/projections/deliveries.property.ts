import fc from 'fast-check';
import type { BusMessage } from '#platform/event-bus/event-bus.js';
import type { ProjectionWorker } from '#platform/projections/running/projection-worker.js';
import { counts, PARTITIONS, timeline, type Happening, type World } from './fixture.js';

const happening: fc.Arbitrary<Happening> = fc.record({
  subject: fc.nat({ max: 6 }),
  what: fc.constantFrom('counted', 'counted', 'counted', 'noted', 'cleared'),
  day: fc.nat({ max: 2 }),
  amount: fc.nat({ max: 100_000 }),
});

interface Batch {
  /** Which worker of two gets it; a zombie is just another worker. */
  worker: 0 | 1;
  /** Messages by index into the log; out of order, doubled, with holes. */
  picks: number[];
  wait: boolean;
}

const batch: fc.Arbitrary<Batch> = fc.record({
  worker: fc.constantFrom(0, 1),
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
        for (const definition of [counts(), timeline()]) {
          const workers = [await world.worker(definition), await world.worker(definition)];
          await play(workers, messages, batches);
          await finish(workers[0]!, world);
          const admin = await world.admin(definition);
          const { equal, differences } = await admin.verify(definition.name);
          if (!equal) throw new Error(`${definition.name}: ${JSON.stringify(differences)}`);
        }
        const entries = await world.rows('entries');
        if (entries.length !== messages.length) throw new Error(`${entries.length} entries of ${messages.length}`);
      },
    ),
    { numRuns: runs, endOnFailure: process.env['CI'] === undefined },
  );
}

async function play(
  workers: readonly ProjectionWorker[],
  messages: readonly BusMessage[],
  batches: readonly Batch[],
): Promise<void> {
  const underWay: Promise<void>[] = [];
  for (const { worker, picks, wait } of batches) {
    const chosen = picks.map((pick) => messages[pick % messages.length]!);
    const partitions = [...new Set(chosen.map(({ partition }) => partition))];
    const delivered = workers[worker]!.deliver({ messages: chosen, partitions });
    underWay.push(delivered);
    if (wait) await delivered;
  }
  await Promise.all(underWay);
}

/** What was never delivered, the reconciler brings. */
async function finish(worker: ProjectionWorker, world: World): Promise<void> {
  const { position } = await world.store.head();
  await worker.reconcile(new Map(Array.from({ length: PARTITIONS }, (_, partition) => [partition, position])));
}

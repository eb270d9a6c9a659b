import { projections, queries } from '#analytical/index.js';
import { eventContracts } from '#contracts/index.js';
import { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';
import type { Point } from '#platform/projections/as-of/point.js';
import type { ReadModels } from '#platform/projections/definition/query.js';
import { openProjectionAdmin, openSnapshots } from '#platform/projections/prepare.js';
import { openReadModels } from '#platform/projections/queries/read-models.js';
import { failureOf } from '#platform/projections/snapshots/refusals.js';
import { SnapshotReads } from '#platform/projections/snapshots/snapshot-reads.js';
import type { Snapshots } from '#platform/projections/snapshots/snapshots.js';
import { writeHistory } from './history.js';
import type { Row } from './measure.js';

/** The history is of two years: so much of it comes in a day. */
const DAYS = 730;
const ROUNDS = 9;

/**
 * What a snapshot of all read models costs beside a rebuild of them: from the start, and from one of the day before.
 * Then a question about everybody asked of a snapshot, beside the same asked of the live rows. Nobody else writes.
 */
export async function snapshotsBenchmark(databaseUrl: string, events: number): Promise<Row[]> {
  const store = await PostgresEventStore.connect({ url: databaseUrl });
  const codec = new PlaintextCodec(new EventCatalogue(eventContracts));
  await writeHistory(new CommandPipeline({ store, codec }), events);
  const options = { store, codec, projections, databaseUrl, partitions: 6 };
  const { admin, close } = await openProjectionAdmin(options);
  const { snapshots, points } = await openSnapshots(options);
  const live = await openReadModels(databaseUrl, projections);
  try {
    const head = await points.head();
    const day = await points.point(String(head.through - head.through / BigInt(DAYS)));
    // The live rows come last: a snapshot would copy them.
    const fromStart = await timed(() => made(snapshots, day));
    const fromEarlier = await timed(() => made(snapshots, head));
    const rebuild = await timed(() => admin.rebuild([], { compare: false }));
    const note = `${head.through} events, ${admin.names.length} read models; the rebuild takes ${rebuild.toFixed(1)} s`;
    return [
      { name: 'snapshot-build', value: fromStart, unit: 's', baseline: rebuild, ratio: fromStart / rebuild, note },
      {
        name: 'snapshot-from-day-before',
        value: fromEarlier,
        unit: 's',
        baseline: rebuild,
        ratio: fromEarlier / rebuild,
        note: `the last ${head.through - day.through} events folded, all other rows copied`,
      },
      await asked(head, live, new SnapshotReads(snapshots, live.heavy)),
    ];
  } finally {
    await Promise.all([snapshots.stop(), close(), live.close()]);
    await store.close();
  }
}

/** The segments of all customers, in turn of the live rows and of a snapshot: the middle of the ratios. */
async function asked(
  point: Point,
  live: Awaited<ReturnType<typeof openReadModels>>,
  past: SnapshotReads,
): Promise<Row> {
  const query = queries.find(({ name }) => name === 'Rfm');
  if (!query) throw new Error('there is no query Rfm');
  const parameters = query.parameters.parse({ currency: 'GBP' });
  const answer = (read: ReadModels): Promise<unknown> => query.run(parameters, { read, isHeavy: true, now: point.now });
  const ofLive = (): Promise<unknown> => live.inSnapshot(query.projections, true, answer);
  const ofSnapshot = (): Promise<unknown> => past.asOf({ query, parameters, point, waitMs: 0 }, answer);
  for (const each of [ofLive, ofSnapshot, ofLive, ofSnapshot]) await each();
  const rounds: { live: number; snapshot: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({ live: await timed(ofLive), snapshot: await timed(ofSnapshot) });
  }
  const middle = (times: number[]): number => times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]! * 1_000;
  const [value, baseline] = [middle(rounds.map(({ snapshot }) => snapshot)), middle(rounds.map((each) => each.live))];
  const note = 'segments of all customers, in turn of the live rows';
  return { name: 'as-of-snapshot', value, unit: 'ms', baseline, ratio: value / baseline, note };
}

async function made(snapshots: Snapshots, point: Point): Promise<void> {
  const { id } = await snapshots.request(point, [], { by: 'benchmark' });
  const found = await snapshots.wait(id, 3_600_000);
  if (found.status !== 'ready') throw failureOf(found);
}

/** Seconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

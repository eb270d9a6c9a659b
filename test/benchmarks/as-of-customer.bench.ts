import { projections, queries } from '#analytical/index.js';
import { eventContracts } from '#contracts/index.js';
import { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import { LocalBus } from '#platform/event-bus/local/local-bus.adapter.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';
import { FoldedReads } from '#platform/projections/as-of/folded-reads.js';
import type { Point } from '#platform/projections/as-of/point.js';
import type { ReadModels } from '#platform/projections/definition/query.js';
import { DecodedEvents } from '#platform/projections/folding/decoded-events.js';
import { ProjectionHost } from '#platform/projections/running/projection-host.js';
import { writeCustomers } from './history.js';
import { atOnce, type Row } from './measure.js';

const CUSTOMERS = 300;
const EVENTS = 100;
const CLIENTS = 8;
const ROUNDS = 5;

/**
 * What a customer's view costs as of a point, folded from its 100 events, beside the live one: in this process, so that
 * what both share (HTTP, sign-in) does not make the ratio look better than it is.
 */
export async function asOfCustomerBenchmark(databaseUrl: string, seconds: number): Promise<Row> {
  const store = await PostgresEventStore.connect({ url: databaseUrl });
  const bus = new LocalBus(store);
  try {
    const codec = new PlaintextCodec(new EventCatalogue(eventContracts));
    const ids = await writeCustomers(new CommandPipeline({ store, codec }), CUSTOMERS, EVENTS);
    const onError = (error: unknown): void => console.error(error);
    const host = await ProjectionHost.start({ bus, store, codec, projections, databaseUrl, onError });
    try {
      const { position: through } = await store.head();
      const { readModels: read, progress } = host;
      const names = projections.map(({ name }) => name);
      if ((await progress.waitFor(through, names, 60_000)) === undefined)
        throw new Error('the read models stay behind');
      const query = queries.find(({ name }) => name === 'Customer360')!;
      const now = new Date();
      const { id } = store.identity;
      const { partitions } = bus;
      const point: Point = { log: { id, incarnation: 1 }, partitions, now, through, vectors: new Map() };
      const folded = new FoldedReads({ read, store, decoded: new DecodedEvents(codec), freshness: progress });
      let next = 0;
      const answer = async (isPast: boolean): Promise<string> => {
        const parameters = { id: ids[next++ % ids.length]! };
        const work = (rows: ReadModels) => query.run(parameters, { read: rows, now, isHeavy: false });
        if (isPast) return JSON.stringify(await folded.asOf({ query, parameters, point, waitMs: 0 }, work));
        await progress.measure();
        return JSON.stringify((await read.inSnapshot(query.projections, false, work)).answer);
      };
      for (const isPast of [false, true]) await atOnce(CLIENTS, 1, () => answer(isPast));
      next = 0;
      const live = await answer(false);
      next = 0;
      if ((await answer(true)) !== live) throw new Error('the answer as of the head is not the live one');
      const rounds: { past: number; live: number; ratio: number }[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const past = (await atOnce(CLIENTS, seconds / ROUNDS, () => answer(true))).rate;
        const live = (await atOnce(CLIENTS, seconds / ROUNDS, () => answer(false))).rate;
        rounds.push({ past, live, ratio: live / past });
      }
      const { past, live: baseline, ratio } = rounds.toSorted((a, b) => a.ratio - b.ratio)[Math.floor(ROUNDS / 2)]!;
      return {
        name: 'as-of-customer',
        value: past,
        unit: 'answers/s',
        baseline,
        ratio,
        note: `what customer 360 as of a point costs, of what it costs live: ${EVENTS} events; median of ${ROUNDS} in turn, ${CLIENTS} clients`,
      };
    } finally {
      await host.stop();
    }
  } finally {
    await bus.close();
    await store.close();
  }
}

import { aggregate } from '#platform/kernel/aggregate.js';
import { command } from '#platform/kernel/command.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { defineEvent, open } from '#platform/kernel/event-contract.js';
import { fingerprint, newId } from '#platform/kernel/ids.js';
import { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';
import { z } from 'zod';
import { atOnce, type Row } from './measure.js';
import { insertRate } from './insert-rate.js';
import { storeNotes, storedNoteId } from './stored-notes.js';

const noted = defineEvent({ type: 'bench.note.taken', fields: { text: open(z.string()) } });
const Note = aggregate<{ notes: number }>()({
  name: 'note',
  initial: { notes: 0 },
  events: { noted },
  evolve: { noted: ({ notes }) => ({ notes: notes + 1 }) },
});
const takeNote = command({
  name: 'TakeNote',
  summary: 'Takes a note',
  on: Note,
  route: 'POST /notes/:id',
  mayBegin: true,
  allowed: ['service'],
  input: z.strictObject({ text: z.string().max(500) }),
  decide: (_state, { text }) => noted({ text }),
});
const text = 'x'.repeat(235);

/** A pipeline on a log, and how to send it a command on a stream. */
async function openPipeline(
  url: string,
): Promise<{ store: PostgresEventStore; take: (id: string) => Promise<unknown> }> {
  const store = await PostgresEventStore.connect({ url });
  const pipeline = new CommandPipeline({ store, codec: new PlaintextCodec(new EventCatalogue([noted])) });
  const take = (id: string): Promise<unknown> => {
    const commandId = newId();
    const input = { text };
    return pipeline.execute({
      definition: takeNote,
      id,
      input,
      commandId,
      fingerprint: fingerprint(commandId),
      actor: 'bench',
    });
  };
  return { store, take };
}

/** Durable single-event commands in process, beside the same server's one-row INSERT rate in the same run. */
export async function appendBenchmark(url: string, seconds: number): Promise<Row[]> {
  const { store, take } = await openPipeline(url);
  const ids = Array.from({ length: 5000 }, newId);
  let next = 0;
  const once = (): Promise<unknown> => take(ids[next++ % ids.length]!);
  await atOnce(256, 2, once);
  const rows: Row[] = [];
  try {
    for (const [clients, beside] of [
      [1, 1],
      [32, 32],
      [256, 32],
      [1024, 32],
    ] as const) {
      const before = await insertRate(url, beside, seconds / 2);
      const { rate, p50, p99 } = await atOnce(clients, seconds, once);
      const after = await insertRate(url, beside, seconds / 2);
      const baseline = (before.rate + after.rate) / 2;
      rows.push({
        name: `append-${clients}`,
        value: rate,
        unit: 'commands/s',
        baseline,
        ratio: rate / baseline,
        note: `${before.by}, ${beside} clients; p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
      });
    }
  } finally {
    await store.close();
  }
  return rows;
}

/**
 * The same commands on streams that the cache does not hold, taken at random from many stored ones, beside those on
 * streams that it holds, on the same log before and after.
 * @param streams how many are stored; far more than the cache holds
 */
export async function coldAppendBenchmark(url: string, seconds: number, streams: number): Promise<Row[]> {
  const clients = 256;
  const first = await openPipeline(url);
  try {
    await storeNotes(url, streams, text);
    const ids = Array.from({ length: 5000 }, newId);
    let next = 0;
    const warm = async (time: number): Promise<number> =>
      (await atOnce(clients, time, () => first.take(ids[next++ % ids.length]!))).rate;
    const anyOfAll = (): Promise<unknown> => first.take(storedNoteId(1 + Math.floor(Math.random() * streams)));
    await warm(2);
    await atOnce(clients, 2, anyOfAll);
    const before = await warm(seconds / 2);
    const used = process.cpuUsage();
    const { rate, p50, p99 } = await atOnce(clients, seconds, anyOfAll);
    const { user, system } = process.cpuUsage(used);
    const after = await warm(seconds / 2);
    const baseline = (before + after) / 2;
    const busy = (user + system) / 1e6 / seconds;
    const note = `of ${streams} streams; p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms; ${busy.toFixed(2)} cores of Node`;
    return [
      { name: `append-cold-${clients}`, value: rate, unit: 'commands/s', baseline, ratio: rate / baseline, note },
    ];
  } finally {
    await first.store.close();
  }
}

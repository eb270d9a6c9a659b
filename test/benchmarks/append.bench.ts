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

/** Durable single-event commands in process, beside the same server's one-row INSERT rate in the same run. */
export async function appendBenchmark(url: string, seconds: number): Promise<Row[]> {
  const store = await PostgresEventStore.connect({ url });
  const pipeline = new CommandPipeline({ store, codec: new PlaintextCodec(new EventCatalogue([noted])) });
  const text = 'x'.repeat(235);
  const ids = Array.from({ length: 5000 }, newId);
  let next = 0;
  const once = async (): Promise<void> => {
    const commandId = newId();
    await pipeline.execute({
      definition: takeNote,
      id: ids[next++ % ids.length]!,
      input: { text },
      commandId,
      fingerprint: fingerprint(commandId),
      actor: 'bench',
    });
  };
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

import { createHash } from 'node:crypto';
import pg from 'pg';

/** The id of the n-th stored note, as the SQL below makes it. */
export function storedNoteId(n: number): string {
  const hex = createHash('md5').update(`note ${n}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Fills a new log with streams of one event each, by one INSERT: half a minute for a million, not twenty by commands. */
export async function storeNotes(url: string, streams: number, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      `insert into store.events (position, aggregate, aggregate_id, revision, id, type, schema_version, occurred_at,
         recorded_at, subject, command_id, ordinal, fingerprint, meta, data, personal_data)
       select n, 'note', md5('note ' || n)::uuid, 0, gen_random_uuid(), 'bench.note.taken', 1, now(), now(), null,
         gen_random_uuid(), 0, decode(md5('print ' || n), 'hex'), '{"actor":"bench"}', $2::json, null
       from generate_series(1, $1::int) n`,
      [streams, JSON.stringify({ text })],
    );
    await client.query('vacuum (analyze) store.events');
    await client.query('checkpoint');
  } finally {
    await client.end();
  }
}

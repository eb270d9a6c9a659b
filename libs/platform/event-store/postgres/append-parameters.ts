import type { EventMeta } from '#platform/kernel/envelope.js';
import { encodeArray } from '#platform/postgres/arrays.js';
import type { AppendRequest } from '../event-store.js';
import type { StoredRevisions } from './stored-revisions.js';

export const APPEND_SQL = `select * from store.append($1::timestamptz, $2::text[], $3::int[], $4::text[], $5::int[],
  $6::uuid[], $7::text[], $8::int2[], $9::timestamptz[], $10::uuid[], $11::uuid[], $12::int2[], $13::bytea[],
  $14::json[], $15::json[], $16::json[], $17::text[], $18::int[])`;

/**
 * The arrays of `store.append`: one element an event, in order; the revisions that must be there before them; and
 * those that must not be there yet.
 * @param stored revisions that are there for sure and need no look-up
 */
export function appendParameters(
  requests: readonly AppendRequest[],
  now: Date,
  stored: Pick<StoredRevisions, 'has'>,
): unknown[] {
  const columns = Array.from({ length: 13 }, () => [] as unknown[]);
  const [
    streams,
    revisions,
    ids,
    types,
    versions,
    occurred,
    subjects,
    commands,
    ordinals,
    prints,
    metas,
    datas,
    sealed,
  ] = columns as any[][];
  const afterStreams: string[] = [];
  const afterRevisions: number[] = [];
  // The revision that the batch itself has brought a stream to: what follows it needs no look-up.
  const reached = new Map<string, number>();
  const absentStreams: string[] = [];
  const absentRevisions: number[] = [];
  for (const { commandId, fingerprint, events, looksAt } of requests) {
    for (const { stream, revision } of looksAt ?? []) {
      // Commands that come together often look at the same: one look-up of the last is as good as many.
      if (absentStreams.at(-1) === stream && absentRevisions.at(-1) === revision + 1) continue;
      absentStreams.push(stream);
      absentRevisions.push(revision + 1);
    }
    for (let ordinal = 0; ordinal < events.length; ordinal++) {
      const event = events[ordinal]!;
      const { stream, revision } = event;
      if (revision > 0 && reached.get(stream) !== revision - 1 && !stored.has(stream, revision - 1)) {
        afterStreams.push(stream);
        afterRevisions.push(revision - 1);
      }
      reached.set(stream, revision);
      streams!.push(stream);
      revisions!.push(revision);
      ids!.push(event.id);
      types!.push(event.type);
      versions!.push(event.schemaVersion);
      occurred!.push(event.occurredAt);
      subjects!.push(event.subject);
      commands!.push(commandId);
      ordinals!.push(ordinal);
      prints!.push(fingerprint);
      metas!.push(metaText(event.meta));
      datas!.push(event.data);
      sealed!.push(event.sealed);
    }
  }
  return [
    now,
    encodeArray('text', afterStreams),
    encodeArray('int4', afterRevisions),
    encodeArray('text', streams!),
    encodeArray('int4', revisions!),
    encodeArray('uuid', ids!),
    encodeArray('text', types!),
    encodeArray('int2', versions!),
    encodeArray('timestamptz', occurred!),
    encodeArray('uuid', subjects!),
    encodeArray('uuid', commands!),
    encodeArray('int2', ordinals!),
    encodeArray('bytea', prints!),
    encodeArray('json', metas!),
    encodeArray('json', datas!),
    encodeArray('json', sealed!),
    encodeArray('text', absentStreams),
    encodeArray('int4', absentRevisions),
  ];
}

const texts = new WeakMap<EventMeta, string>();

/** A meta's JSON; a command's events share one meta object. */
function metaText(meta: EventMeta): string {
  let text = texts.get(meta);
  if (text === undefined) {
    text = JSON.stringify(meta);
    texts.set(meta, text);
  }
  return text;
}

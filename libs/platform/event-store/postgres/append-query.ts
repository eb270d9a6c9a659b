import { partsOfStream, type EventMeta } from '#platform/kernel/envelope.js';
import { encodeArray, type ArrayType } from '#platform/postgres/arrays.js';
import type { AppendRequest, StreamRevision } from '../event-store.js';
import type { StoredRevisions } from './stored-revisions.js';

const APPEND_ONE = `select store.append_one($1::timestamptz, $2::text, $3::uuid, $4::int, $5::uuid, $6::text,
  $7::int2, $8::timestamptz, $9::uuid, $10::uuid, $11::bytea, $12::json, $13::json, $14::json)`;

const APPEND = `select store.append($1::timestamptz, $2::text[], $3::uuid[], $4::int[], $5::bool[],
  $6::text[], $7::uuid[], $8::int[], $9::uuid[], $10::text[], $11::int2[], $12::timestamptz[], $13::uuid[],
  $14::uuid[], $15::int2[], $16::bytea[], $17::json[], $18::json[], $19::json[])`;

const EXPECTED = ['text', 'uuid', 'int4', 'bool'] as const;
const EVENT = [
  ...(['text', 'uuid', 'int4', 'uuid', 'text', 'int2', 'timestamptz', 'uuid', 'uuid', 'int2', 'bytea'] as const),
  ...(['json', 'json', 'json'] as const),
] as const;

/** Values by column, to become arrays. */
class Columns {
  private readonly columns: unknown[][];

  constructor(private readonly types: readonly ArrayType[]) {
    this.columns = types.map(() => []);
  }

  add(...values: unknown[]): void {
    for (let i = 0; i < values.length; i++) this.columns[i]!.push(values[i]);
  }

  encoded(): Buffer[] {
    return this.columns.map((values, i) => encodeArray(this.types[i]!, values));
  }
}

export interface AppendQuery {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

/**
 * The call that appends requests: of `store.append`, or of `store.append_one` where they are one event that follows
 * what is stored for sure.
 * @param stored revisions that are there for sure and need no look-up
 */
export function appendQuery(
  requests: readonly AppendRequest[],
  now: Date,
  stored: Pick<StoredRevisions, 'has'>,
): AppendQuery {
  const [request] = requests;
  if (requests.length === 1 && request!.events.length === 1 && !request!.looksAt?.length) {
    const { stream, revision } = request!.events[0]!;
    if (revision === 0 || stored.has(stream, revision - 1)) {
      return { name: 'append-one', text: APPEND_ONE, values: scalars(request!, now) };
    }
  }
  return { name: 'append', text: APPEND, values: arrays(requests, now, stored) };
}

function scalars({ commandId, fingerprint, events }: AppendRequest, now: Date): unknown[] {
  const event = events[0]!;
  const { aggregate, id } = partsOfStream(event.stream);
  return [
    now.toISOString(),
    aggregate,
    id,
    event.revision,
    event.id,
    event.type,
    event.schemaVersion,
    event.occurredAt.toISOString(),
    event.subject,
    commandId,
    fingerprint,
    metaText(event.meta),
    event.data,
    event.sealed,
  ];
}

/** The revisions that must be there, or not be there yet; then one element an event, in order. */
function arrays(requests: readonly AppendRequest[], now: Date, stored: Pick<StoredRevisions, 'has'>): unknown[] {
  const expected = new Columns(EXPECTED);
  const appended = new Columns(EVENT);
  // The revision that the batch itself has brought a stream to: what follows it needs no look-up.
  const reached = new Map<string, number>();
  let last: StreamRevision | undefined;
  for (const { commandId, fingerprint, events, looksAt } of requests) {
    for (const look of looksAt ?? []) {
      // Commands that come together often look at the same: one look-up of the last is as good as many.
      if (last?.stream === look.stream && last.revision === look.revision) continue;
      last = look;
      const { aggregate, id } = partsOfStream(look.stream);
      expected.add(aggregate, id, look.revision + 1, false);
    }
    for (let ordinal = 0; ordinal < events.length; ordinal++) {
      const event = events[ordinal]!;
      const { stream, revision } = event;
      const { aggregate, id } = partsOfStream(stream);
      if (revision > 0 && reached.get(stream) !== revision - 1 && !stored.has(stream, revision - 1)) {
        expected.add(aggregate, id, revision - 1, true);
      }
      reached.set(stream, revision);
      appended.add(
        aggregate,
        id,
        revision,
        event.id,
        event.type,
        event.schemaVersion,
        event.occurredAt,
        event.subject,
        commandId,
        ordinal,
        fingerprint,
        metaText(event.meta),
        event.data,
        event.sealed,
      );
    }
  }
  return [now, ...expected.encoded(), ...appended.encoded()];
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

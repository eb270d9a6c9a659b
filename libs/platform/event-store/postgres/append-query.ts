import type { StoredMeta, StreamId } from '#platform/kernel/envelope.js';
import { StreamMap } from '#platform/kernel/stream-map.js';
import { encodeArray, type ArrayType } from '#platform/postgres/arrays.js';
import { isSameStream, type AppendRequest, type Reservation, type StreamRevision } from '../event-store.js';
import type { StoredRevisions } from './stored-revisions.js';

/** What is looked up before the insert: aggregate, its id, revision, whether it must be there. */
const EXPECTED = ['text', 'uuid', 'int4', 'bool'] as const;
/** An event's parameters, in the order of `rowOf`. */
const EVENT = [
  ...(['text', 'uuid', 'int4', 'uuid', 'text', 'int2', 'timestamptz', 'uuid', 'uuid', 'int2', 'bytea'] as const),
  ...(['json', 'json', 'json'] as const),
] as const;

const parameters = (types: readonly string[]): string => types.map((type, at) => `$${at + 1}::${type}`).join(', ');
const arrayOf = (type: string): string => `${type}[]`;
/** The app's clock, and the time of record where it is not the database's own. */
const CLOCKS = ['timestamptz', 'timestamptz'] as const;
/** Scope, key, aggregate and its id. */
const RESERVED = ['text', 'bytea', 'text', 'uuid'] as const;
const BATCH = [...CLOCKS, ...[...EXPECTED, ...EVENT].map(arrayOf)];
const APPEND_ONE = `select store.append_one(${parameters([...CLOCKS, ...EVENT])})`;
const APPEND = `select store.append(${parameters(BATCH)})`;
const APPEND_RESERVING = `select store.append_reserving(${parameters([...RESERVED.map(arrayOf), ...BATCH])})`;

/** What an append is dated by. */
export interface AppendTimes {
  /** The app's clock, which the database holds against its own. */
  readonly now: Date;
  /** Time of record instead of the database's clock; null but in specs. */
  readonly recordedAt: Date | null;
}

/** Values by column, to become arrays. */
class Columns {
  private readonly columns: unknown[][];

  constructor(private readonly types: readonly ArrayType[]) {
    this.columns = types.map(() => []);
  }

  add(values: readonly unknown[]): void {
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
  times: AppendTimes,
  stored: Pick<StoredRevisions, 'has'>,
): AppendQuery {
  const [request] = requests;
  const clocks = [times.now, times.recordedAt].map(textOfDate);
  if (
    requests.length === 1 &&
    request!.events.length === 1 &&
    !request!.readSet?.length &&
    !request!.reserves?.length
  ) {
    const { aggregate, aggregateId, revision } = request!.events[0]!;
    if (revision === 0 || stored.has(aggregate, aggregateId, revision - 1)) {
      return { name: 'append-one', text: APPEND_ONE, values: [...clocks, ...rowOf(request!, 0).map(textOfDate)] };
    }
  }
  const values = [...clocks, ...arrays(requests, stored)];
  const reserved = requests.flatMap(({ reserves = [] }) => reserves);
  if (reserved.length === 0) return { name: 'append', text: APPEND, values };
  return { name: 'append-reserving', text: APPEND_RESERVING, values: [...reservations(reserved), ...values] };
}

function reservations(reserved: readonly Reservation[]): Buffer[] {
  const columns = new Columns(RESERVED);
  for (const { scope, key, aggregate, aggregateId } of reserved) columns.add([scope, key, aggregate, aggregateId]);
  return columns.encoded();
}

/** An event and its place in its command, as `EVENT` has it. */
function rowOf({ commandId, fingerprint, events }: AppendRequest, ordinal: number): unknown[] {
  const event = events[ordinal]!;
  return [
    event.aggregate,
    event.aggregateId,
    event.revision,
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
    event.personalData,
  ];
}

/** The revisions that must be there, or not be there yet; then one element an event, in order. */
function arrays(requests: readonly AppendRequest[], stored: Pick<StoredRevisions, 'has'>): Buffer[] {
  const expected = new Columns(EXPECTED);
  const expect = ({ aggregate, aggregateId }: StreamId, revision: number, there: boolean): void => {
    expected.add([aggregate, aggregateId, revision, there]);
  };
  const appended = new Columns(EVENT);
  // The revision that the batch itself has brought a stream to: what follows it needs no look-up.
  const reached = new StreamMap<number>();
  let last: StreamRevision | undefined;
  for (const request of requests) {
    for (const look of request.readSet ?? []) {
      // Commands that come together often look at the same: one look-up of the last is as good as many.
      if (last && last.revision === look.revision && isSameStream(last, look)) continue;
      last = look;
      const { aggregate, aggregateId, revision } = look;
      expect(look, revision + 1, false);
      // A server that took over may have lost it.
      const brought = (reached.get(aggregate, aggregateId) ?? -1) >= revision;
      if (revision >= 0 && !brought && !stored.has(aggregate, aggregateId, revision)) expect(look, revision, true);
    }
    for (const [ordinal, event] of request.events.entries()) {
      const { aggregate, aggregateId, revision } = event;
      const follows = revision - 1;
      if (revision > 0 && reached.get(aggregate, aggregateId) !== follows) {
        if (!stored.has(aggregate, aggregateId, follows)) expect(event, follows, true);
      }
      reached.set(aggregate, aggregateId, revision);
      appended.add(rowOf(request, ordinal));
    }
  }
  return [...expected.encoded(), ...appended.encoded()];
}

/** pg writes a date in this host's zone, whose offsets of long ago had seconds. */
const textOfDate = (value: unknown): unknown => (value instanceof Date ? value.toISOString() : value);

const texts = new WeakMap<StoredMeta, string>();

/** A meta's JSON; a command's events share one meta object. */
function metaText(meta: StoredMeta): string {
  let text = texts.get(meta);
  if (text === undefined) {
    text = JSON.stringify(meta);
    texts.set(meta, text);
  }
  return text;
}

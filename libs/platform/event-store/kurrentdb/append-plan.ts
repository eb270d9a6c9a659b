import { StreamMap } from '#platform/kernel/stream-map.js';
import {
  isSameStream,
  reservationKey,
  type AppendRequest,
  type Reservation,
  type StreamRevision,
} from '../event-store.js';
import type { Names } from './names.js';
import { keyRecordOf, receiptRecordOf } from './receipt-records.js';
import { recordOf, type NewRecord } from './records.js';

/** What must hold of a stream for an append to be done: the revision of its last event, -1 for none. */
export type Expected =
  | ({ readonly of: 'events' } & StreamRevision)
  | { readonly of: 'command'; readonly commandId: string }
  | { readonly of: 'key'; readonly reservation: Reservation }
  | { readonly of: 'log'; readonly revision: number };

export interface AppendPlan {
  /** Events last, in the order of the requests: the position that the server tells is that of the last record. */
  readonly records: readonly NewRecord[];
  /** Each stream once: what several requests expect of it follows from what the first does. */
  readonly expected: readonly Expected[];
}

export const streamOf = (names: Names, expected: Expected): string => {
  switch (expected.of) {
    case 'events':
      return names.stream(expected);
    case 'command':
      return names.command(expected.commandId);
    case 'key':
      return names.key(expected.reservation);
    case 'log':
      return names.log;
  }
};

/** -1: nothing is there yet. */
export const revisionExpected = (expected: Expected): number =>
  expected.of === 'events' || expected.of === 'log' ? expected.revision : -1;

/**
 * One append for all requests, or undefined where they contradict each other: then what the store holds tells which of
 * them stand.
 * @param logRevision of the record of incarnations: a decision of an earlier one is not stored in a later one
 * @param held keys that the requests' own streams are known to have, by `reservationKey`
 */
export function planOf(
  names: Names,
  requests: readonly AppendRequest[],
  logRevision: number,
  held: ReadonlySet<string>,
): AppendPlan | undefined {
  const expected: Expected[] = [{ of: 'log', revision: logRevision }];
  const own: NewRecord[] = [];
  const events: NewRecord[] = [];
  /** Where the batch itself has brought each stream that it looks at or writes to. */
  const reached = new StreamMap<number>();
  const commands = new Set<string>();
  const claimed = new Map<string, Reservation>();
  const isAt = ({ aggregate, aggregateId, revision }: StreamRevision): boolean => {
    const at = reached.get(aggregate, aggregateId);
    if (at !== undefined) return at === revision;
    reached.set(aggregate, aggregateId, revision);
    expected.push({ of: 'events', aggregate, aggregateId, revision });
    return true;
  };
  for (const request of requests) {
    if (commands.has(request.commandId)) return undefined;
    commands.add(request.commandId);
    expected.push({ of: 'command', commandId: request.commandId });
    own.push(receiptRecordOf(names, request));
    for (const look of request.readSet ?? []) if (!isAt(look)) return undefined;
    for (const [ordinal, event] of request.events.entries()) {
      const { aggregate, aggregateId, revision } = event;
      if (!isAt({ aggregate, aggregateId, revision: revision - 1 })) return undefined;
      reached.set(aggregate, aggregateId, revision);
      events.push(recordOf(names, request, ordinal));
    }
    for (const reservation of request.reserves ?? []) {
      const key = reservationKey(reservation);
      const before = claimed.get(key);
      if (before && !isSameStream(before, reservation)) return undefined;
      if (before || held.has(key)) continue;
      claimed.set(key, reservation);
      expected.push({ of: 'key', reservation });
      own.push(keyRecordOf(names, reservation));
    }
  }
  return { records: [...own, ...events], expected };
}

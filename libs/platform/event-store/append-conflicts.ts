import type { StreamId } from '#platform/kernel/envelope.js';
import { StreamMap } from '#platform/kernel/stream-map.js';
import {
  conflictOf,
  dependencyFailed,
  isSameStream,
  reservationKey,
  type AppendOutcome,
  type AppendRequest,
  type Receipt,
} from './event-store.js';

/**
 * Which requests of a refused batch clash, seen in order, with what the store holds. Those without an outcome
 * may be appended together: each follows the store or one of them that stands before it.
 * @param now the last stored revision by stream; absent: the stream has no events. What is accepted moves it on.
 * @param holders the streams that have reserved keys, by `reservationKey`
 */
export function resolve(
  requests: readonly AppendRequest[],
  receipts: ReadonlyMap<string, Receipt>,
  now: StreamMap<number>,
  holders: ReadonlyMap<string, StreamId> = new Map(),
): (AppendOutcome | undefined)[] {
  const held = new Map(holders);
  const accepted = new Set<string>();
  const refused = new Set<AppendRequest>();
  return requests.map((request) => {
    const outcome = resolveOne(request);
    if (outcome) refused.add(request);
    return outcome;
  });

  function resolveOne(request: AppendRequest): AppendOutcome | undefined {
    const receipt = receipts.get(request.commandId);
    if (receipt) return { kind: 'repeated', receipt };
    if (request.dependsOn?.some((each) => refused.has(each))) return dependencyFailed(request);
    // The same command twice in one batch: the first is not stored yet, so it has no receipt to give. As a
    // conflict the sender tries again, and then finds the receipt.
    if (accepted.has(request.commandId)) return conflictOf(request.events[0]!);
    const clash = clashOf(request, now);
    if (clash) return conflictOf(clash);
    for (const reservation of request.reserves ?? []) {
      const holder = held.get(reservationKey(reservation));
      if (holder !== undefined && !isSameStream(holder, reservation)) return { kind: 'taken', reservation, holder };
    }
    for (const each of request.reserves ?? []) {
      const { aggregate, aggregateId } = each;
      held.set(reservationKey(each), { aggregate, aggregateId });
    }
    accepted.add(request.commandId);
    for (const { aggregate, aggregateId, revision } of request.events) now.set(aggregate, aggregateId, revision);
    return undefined;
  }
}

function clashOf(request: AppendRequest, revisions: StreamMap<number>): StreamId | undefined {
  for (const look of request.readSet ?? [])
    if ((revisions.get(look.aggregate, look.aggregateId) ?? -1) !== look.revision) return look;
  const next = new StreamMap<number>();
  for (const event of request.events) {
    const { aggregate, aggregateId, revision } = event;
    const expected = next.get(aggregate, aggregateId) ?? (revisions.get(aggregate, aggregateId) ?? -1) + 1;
    if (revision !== expected) return event;
    next.set(aggregate, aggregateId, revision + 1);
  }
  return undefined;
}

import {
  dependencyFailed,
  reservationKey,
  type AppendOutcome,
  type AppendRequest,
  type Receipt,
} from '../event-store.js';

/**
 * Which requests of a refused batch clash, seen in order, with what the store holds. Those without an outcome
 * may be appended together: each follows the store or one of them that stands before it.
 * @param revisions the last stored revision by stream; absent: the stream has no events
 * @param holders the streams that have reserved keys, by `reservationKey`
 */
export function resolve(
  requests: readonly AppendRequest[],
  receipts: ReadonlyMap<string, Receipt>,
  revisions: ReadonlyMap<string, number>,
  holders: ReadonlyMap<string, string> = new Map(),
): (AppendOutcome | undefined)[] {
  const now = new Map(revisions);
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
    if (accepted.has(request.commandId)) return { kind: 'conflict', stream: request.events[0]!.stream };
    const clash = clashOf(request, now);
    if (clash !== undefined) return { kind: 'conflict', stream: clash };
    for (const reservation of request.reserves ?? []) {
      const holder = held.get(reservationKey(reservation));
      if (holder !== undefined && holder !== reservation.stream) return { kind: 'taken', reservation, holder };
    }
    for (const each of request.reserves ?? []) held.set(reservationKey(each), each.stream);
    accepted.add(request.commandId);
    for (const { stream, revision } of request.events) now.set(stream, revision);
    return undefined;
  }
}

function clashOf(request: AppendRequest, revisions: ReadonlyMap<string, number>): string | undefined {
  for (const { stream, revision } of request.readSet ?? [])
    if ((revisions.get(stream) ?? -1) !== revision) return stream;
  const next = new Map<string, number>();
  for (const { stream, revision } of request.events) {
    const expected = next.get(stream) ?? (revisions.get(stream) ?? -1) + 1;
    if (revision !== expected) return stream;
    next.set(stream, revision + 1);
  }
  return undefined;
}

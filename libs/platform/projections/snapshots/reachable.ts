import type { EventStore } from '#platform/event-store/event-store.js';
import { InvalidInput, PositionLost } from '#platform/kernel/errors.js';
import type { Point } from '../as-of/point.js';
import type { SnapshotPart } from './snapshot.js';

/** @throws InvalidInput for a point that this log does not have; PositionLost for one that it has lost */
export async function refuseUnreachable(
  { log, partitions }: Point,
  parts: readonly SnapshotPart[],
  own: { readonly store: Pick<EventStore, 'identity' | 'head'>; readonly partitions: number },
): Promise<void> {
  const { identity } = own.store;
  if (log.id !== identity.id) refuse('is a point of another log');
  if (partitions !== own.partitions) refuse('is a point of a log that was divided otherwise');
  const { position: head } = await own.store.head();
  for (const { targets } of parts) {
    for (const target of targets) {
      if (identity.isLost(target, log.incarnation)) throw new PositionLost(target);
      if (target > head) refuse(`is beyond the end of the log, which is at ${head}`);
    }
  }
}

function refuse(message: string): never {
  throw new InvalidInput([{ pointer: '/asOf', message }]);
}

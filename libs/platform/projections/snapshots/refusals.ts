import { YadError } from '#platform/kernel/errors.js';
import { PointIncomplete } from '../as-of/past-reads.js';
import type { Snapshot } from './snapshot.js';

/** There are as many snapshots, or as much in them, as there may be. */
export class SnapshotsFull extends YadError {
  readonly kind = 'snapshots-full';
}

/** A name of a snapshot stands for another point already. */
export class SnapshotNameTaken extends YadError {
  readonly kind = 'snapshot-name-taken';
  constructor(name: string, id: string) {
    super(`'${name}' is the snapshot ${id}, of another point: drop that first, or take another name`);
  }
}

/** It was cancelled, or dropped, while somebody waited for it. */
export class SnapshotGone extends YadError {
  readonly kind = 'snapshot-gone';
  constructor(id: string) {
    super(`the snapshot ${id} was cancelled or dropped meanwhile; ask again`);
  }
}

/** It could not be made. */
export class SnapshotFailed extends YadError {
  readonly kind = 'snapshot-failed';
}

/** Why somebody who waited for a snapshot cannot have it. */
export function failureOf({ id, status, failure, reason }: Snapshot): Error {
  if (status !== 'failed') return new SnapshotGone(id);
  if (failure === 'point-incomplete') return new PointIncomplete(reason ?? undefined);
  if (failure === 'snapshots-full') return new SnapshotsFull(reason ?? undefined);
  // What nobody foresaw may repeat what is in events: it is in the log of whoever built it.
  return new SnapshotFailed(`the snapshot ${id} could not be made${failure === 'newer-code' ? `: ${reason}` : ''}`);
}

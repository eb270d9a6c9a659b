import type { StreamId } from '#platform/kernel/envelope.js';
import { StreamMap } from '#platform/kernel/stream-map.js';

/** Held by a command that decides again or loads, so that those behind it on its stream wait. */
export interface StreamLock extends StreamId {
  readonly released: Promise<void>;
  readonly release: () => void;
}

/** Keeps the order of the commands of one stream while the first of them has to wait. */
export class StreamLocks {
  private readonly held = new StreamMap<StreamLock>();

  /** The lock on a stream that somebody else holds. @param own the caller's, if it has one */
  other(aggregate: string, aggregateId: string, own: StreamLock | undefined): StreamLock | undefined {
    const lock = this.held.get(aggregate, aggregateId);
    return lock === own ? undefined : lock;
  }

  /** Undefined where somebody who came before holds it: the caller waits for them, and then may take it. */
  take(aggregate: string, aggregateId: string): StreamLock | undefined {
    if (this.held.get(aggregate, aggregateId)) return undefined;
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    const lock = { aggregate, aggregateId, released, release };
    this.held.set(aggregate, aggregateId, lock);
    return lock;
  }

  release(lock: StreamLock): void {
    this.held.delete(lock.aggregate, lock.aggregateId);
    lock.release();
  }
}

/** Held by a command that decides again or loads, so that those behind it on its stream wait. */
export interface StreamLock {
  readonly stream: string;
  readonly released: Promise<void>;
  readonly release: () => void;
}

/** Keeps the order of the commands of one stream while the first of them has to wait. */
export class StreamLocks {
  private readonly held = new Map<string, StreamLock>();

  /** The lock on a stream that somebody else holds. @param own the caller's, if it has one */
  other(stream: string, own: StreamLock | undefined): StreamLock | undefined {
    const lock = this.held.get(stream);
    return lock === own ? undefined : lock;
  }

  /** Undefined where somebody who came before holds it: the caller waits for them, and then may take it. */
  take(stream: string): StreamLock | undefined {
    if (this.held.has(stream)) return undefined;
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    const lock = { stream, released, release };
    this.held.set(stream, lock);
    return lock;
  }

  release(lock: StreamLock): void {
    this.held.delete(lock.stream);
    lock.release();
  }
}

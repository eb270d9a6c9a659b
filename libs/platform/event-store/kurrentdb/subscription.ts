import type { AllStreamSubscription } from '@kurrent/kurrentdb-client';
import { PAGE_BYTES } from '#platform/kernel/sizes.js';
import type { KurrentConnection } from './connection.js';
import { bytesOf, positionOf, type RawRecord } from './records.js';

/**
 * The events after a record as the server sends them, in pages of what is there, until it ends or fails: then the caller
 * subscribes again from where it is. Nothing is taken from the server while the caller works on a page.
 * @param after the position of a record, or 0
 */
export async function* liveEvents(
  connection: KurrentConnection,
  after: bigint,
  { signal, limit }: { readonly signal: AbortSignal; readonly limit: number },
): AsyncGenerator<RawRecord[]> {
  const subscription = connection.subscribe(after);
  const state = new State(subscription, signal);
  let last = after;
  try {
    for (;;) {
      const page: RawRecord[] = [];
      let bytes = 0;
      while (page.length < limit && bytes < PAGE_BYTES) {
        const next = subscription.read() as { event?: RawRecord } | null;
        if (next === null) break;
        const { event } = next;
        // A server that subscribes anew on its side may begin a little earlier.
        if (!event || positionOf(event) <= last) continue;
        last = positionOf(event);
        page.push(event);
        bytes += bytesOf(event);
      }
      if (page.length > 0) yield page;
      else if (!(await state.readable())) return;
    }
  } finally {
    state.end();
    // A subscription that never began has nothing to be ended.
    await subscription.unsubscribe().catch(() => {});
    subscription.destroy();
  }
}

/** Whether a subscription has more, has ended, or has failed. */
class State {
  private ended = false;
  private failure: unknown;
  private wake = (): void => {};
  private readonly onEnd = (): void => {
    this.ended = true;
    this.wake();
  };
  private readonly onReadable = (): void => this.wake();

  constructor(
    private readonly subscription: AllStreamSubscription,
    private readonly signal: AbortSignal,
  ) {
    subscription.on('readable', this.onReadable);
    subscription.on('end', this.onEnd);
    subscription.on('close', this.onEnd);
    // Stays: an error that comes after all was read has nobody else to hear it.
    subscription.on('error', (error: unknown) => {
      this.failure ??= error;
      this.wake();
    });
    signal.addEventListener('abort', this.onEnd);
    this.ended = signal.aborted;
  }

  /** False when it has ended. @throws what it failed with */
  async readable(): Promise<boolean> {
    if (!this.failure && !this.ended && this.subscription.readableLength === 0) {
      await new Promise<void>((resolve) => (this.wake = resolve));
      this.wake = (): void => {};
    }
    if (this.signal.aborted) return false;
    if (this.failure) throw this.failure;
    return !this.ended || this.subscription.readableLength > 0;
  }

  end(): void {
    this.subscription.off('readable', this.onReadable);
    this.signal.removeEventListener('abort', this.onEnd);
  }
}

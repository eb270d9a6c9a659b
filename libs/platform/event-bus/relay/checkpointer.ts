import { backoff } from '#platform/kernel/backoff.js';
import type { BusLog } from '../bus-log.js';
import { pause } from '../pause.js';
import type { BusMessage } from '../event-bus.js';
import type { Lease, RelayState } from './relay-state.js';

/** The shortest time between two checkpoints; those in between are taken together. */
const SPACING_MS = 20;

/**
 * Records how far publishing has come, beside it: one record under way, the latest wins, and at least one in a third
 * of the lease's time, which renews it. Calls `onLost` once when the lease is another's.
 */
export class Checkpointer {
  private position: bigint;
  private heads = new Map<number, bigint>();
  private dirty = false;
  private lost = false;
  private closed = false;
  private readonly wake = new AbortController();
  private running: Promise<void> | undefined;
  private readonly renewal: NodeJS.Timeout;

  constructor(
    private readonly state: RelayState,
    private readonly lease: Lease,
    private readonly leaseMs: number,
    private readonly log: BusLog,
    private readonly onLost: () => void,
  ) {
    this.position = lease.position;
    this.renewal = setInterval(() => this.kick(), leaseMs / 3);
  }

  /** These messages, up to this position, are on the bus. */
  move(position: bigint, messages: readonly BusMessage[]): void {
    this.position = position;
    for (const { partition, event } of messages) this.heads.set(partition, event.position);
    this.kick();
  }

  /** What is on the bus is no more than this: the log has lost what was beyond. */
  startOver(position: bigint, heads: ReadonlyMap<number, bigint>): void {
    this.position = position;
    this.heads = new Map(heads);
    this.kick();
  }

  /** Records the last position and gives the lease back. Tries once: what is not recorded is sent again. */
  async close(): Promise<void> {
    clearInterval(this.renewal);
    this.closed = true;
    this.wake.abort();
    await this.running;
    if (this.lost) return;
    try {
      if (this.dirty) await this.record();
      await this.state.release(this.lease);
    } catch (error) {
      this.log.warn('relay: the last checkpoint was not recorded; what it covered is sent again', error);
    }
  }

  private kick(): void {
    this.dirty = true;
    this.running ??= this.run();
  }

  private async run(): Promise<void> {
    for (let failures = 0; this.dirty && !this.lost && !this.closed;) {
      try {
        await this.record();
        failures = 0;
        await pause(SPACING_MS, this.wake.signal);
      } catch (error) {
        this.log.warn('relay: a checkpoint failed, trying again', error);
        await pause(backoff(++failures, { capMs: 1000 }), this.wake.signal);
      }
    }
    // In the same turn as the last look at `dirty`: a move in between cannot be left lying.
    this.running = undefined;
  }

  private async record(): Promise<void> {
    const heads = this.heads;
    const { position } = this;
    this.heads = new Map();
    this.dirty = false;
    try {
      if (!(await this.state.checkpoint(this.lease, position, heads, this.leaseMs))) {
        this.lost = true;
        this.log.warn('relay: the lease is another relay’s now; waiting');
        this.onLost();
      }
    } catch (error) {
      // Back with what was not recorded, under what has moved since.
      this.heads = new Map([...heads, ...this.heads]);
      this.dirty = true;
      throw error;
    }
  }
}

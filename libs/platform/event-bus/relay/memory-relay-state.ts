import type { Published } from '../event-bus.js';
import type { Lease, Placement, RelayState } from './relay-state.js';

/** For specs: what relays in one process share. */
export class MemoryRelayState implements RelayState {
  private epoch = 0n;
  private holder = '';
  private expiresAt = 0;
  private at = 0n;
  private incarnation = 0;
  private toldThrough = 0;
  private logId: string | undefined;
  private placement: Placement | undefined;
  private readonly last = new Map<number, bigint>();

  async acquire(holder: string, ttlMs: number, logId: string, placement: Placement): Promise<Lease | undefined> {
    this.logId ??= logId;
    if (this.logId !== logId) throw new Error(`the relay's record is of the log ${this.logId}, and this is ${logId}`);
    if (Date.now() < this.expiresAt) return undefined;
    if (this.at === 0n) this.placement = placement;
    this.epoch++;
    this.holder = holder;
    this.expiresAt = Date.now() + ttlMs;
    const { epoch, at: position, incarnation, toldThrough } = this;
    const heads = new Map([...this.last].filter(([, head]) => head > 0n));
    return { epoch, holder, position, heads, incarnation, toldThrough, placement: this.placement };
  }

  async checkpoint(
    lease: Lease,
    position: bigint,
    heads: ReadonlyMap<number, bigint>,
    ttlMs: number,
  ): Promise<boolean> {
    if (lease.epoch !== this.epoch || lease.holder !== this.holder) return false;
    this.at = position;
    this.incarnation = lease.incarnation;
    this.toldThrough = lease.incarnation;
    for (const [partition, head] of heads) this.last.set(partition, head);
    this.expiresAt = Date.now() + ttlMs;
    return true;
  }

  async release(lease: Lease): Promise<void> {
    if (lease.epoch === this.epoch && lease.holder === this.holder) this.expiresAt = 0;
  }

  async rewind(from: bigint): Promise<void> {
    this.epoch++;
    this.holder = '';
    this.expiresAt = 0;
    this.toldThrough = 0;
    if (this.at >= from) this.at = from - 1n;
    for (const [partition, head] of this.last) if (head > this.at) this.last.set(partition, this.at);
  }

  async heads(): Promise<ReadonlyMap<number, bigint>> {
    return new Map(this.last);
  }

  async position(): Promise<bigint> {
    return this.at;
  }

  async published(): Promise<Published> {
    return { position: this.at, heads: new Map(this.last) };
  }
}

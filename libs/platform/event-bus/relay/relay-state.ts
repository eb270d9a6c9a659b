import type { Published } from '../event-bus.js';

/** The right to publish, until somebody else has taken it. */
export interface Lease {
  /** Grows with each change of hands; every checkpoint is refused under an older one. */
  readonly epoch: bigint;
  readonly holder: string;
  /** Everything at or below is on the bus. */
  readonly position: bigint;
  /** Last position per partition at or below `position`. */
  readonly heads: ReadonlyMap<number, bigint>;
  /** The incarnation of the log in which position and heads were known; 0 before the first. */
  readonly incarnation: number;
}

/** What the relay remembers: whose turn it is and how far it has come. */
export interface RelayState {
  /**
   * Takes the lease when it is free or has run out; undefined when another holds it.
   * @throws Error when what was published is of another log
   */
  acquire(holder: string, ttlMs: number, logId: string): Promise<Lease | undefined>;
  /**
   * Moves position and heads together and renews the lease, if it is still ours: false when it is not.
   * `heads` holds the partitions that moved.
   */
  checkpoint(lease: Lease, position: bigint, heads: ReadonlyMap<number, bigint>, ttlMs: number): Promise<boolean>;
  /** Lets the next one start at once. */
  release(lease: Lease): Promise<void>;
  /**
   * Has everything from a position on published again, by whoever holds the lease next. What is on the bus already is
   * dropped there by its position.
   */
  rewind(from: bigint): Promise<void>;
  /** Last position per partition that is on the bus. */
  heads(): Promise<ReadonlyMap<number, bigint>>;
  /** Everything at or below is on the bus; 0 before the first start. */
  position(): Promise<bigint>;
  /** Both of them, of one moment. */
  published(): Promise<Published>;
}

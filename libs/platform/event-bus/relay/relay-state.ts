import type { Published } from '../event-bus.js';

/** How the bus divides the log, for good: a customer's events stay in one partition. */
export interface Placement {
  readonly partitions: number;
  readonly partitioner: string;
}

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
  /** Forks of the log through this incarnation were told on the bus. */
  readonly toldThrough: number;
  /** As it was published; undefined where a version of Yad published that kept no record of it. */
  readonly placement: Placement | undefined;
}

/** What the relay remembers: whose turn it is and how far it has come. */
export interface RelayState {
  /**
   * Takes the lease when it is free or has run out; undefined when another holds it.
   * @param placement put on record where nothing counts as published
   * @throws Error when what was published is of another log
   */
  acquire(holder: string, ttlMs: number, logId: string, placement: Placement): Promise<Lease | undefined>;
  /**
   * Moves position and heads together and renews the lease, if it is still ours: false when it is not. Forks of the log
   * through the lease's incarnation are on record as told from then on.
   * `heads` holds the partitions that moved.
   */
  checkpoint(lease: Lease, position: bigint, heads: ReadonlyMap<number, bigint>, ttlMs: number): Promise<boolean>;
  /** Lets the next one start at once. */
  release(lease: Lease): Promise<void>;
  /**
   * Has everything from a position on published again, by whoever holds the lease next. What is on the bus already is
   * dropped there by its position. Forks of the log are told again, too.
   */
  rewind(from: bigint): Promise<void>;
  /** Last position per partition that is on the bus. */
  heads(): Promise<ReadonlyMap<number, bigint>>;
  /** Everything at or below is on the bus; 0 before the first start. */
  position(): Promise<bigint>;
  /** Both of them, of one moment. */
  published(): Promise<Published>;
}

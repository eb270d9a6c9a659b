import { createHmac } from 'node:crypto';
import { MAX_POSITION } from '#platform/kernel/position.js';

/**
 * A stretch of the log's history on one server. A new one begins where the log goes on without the last commits of the
 * one before: at a failover, from a restored backup.
 */
export interface Incarnation {
  /** From 1. */
  readonly number: number;
  readonly id: string;
  /** The last position of the incarnation before that is still in the log; 0 for the first incarnation. */
  readonly forkedAt: bigint;
  /** The last position in the log before its own; above `forkedAt` only where positions had been given twice. */
  readonly follows: bigint;
  /** Its own positions start here. Between `follows` and it lies the one hole that a log may have. */
  readonly beginsAt: bigint;
}

/** An event that the log was seen to have. */
export interface SeenEvent {
  readonly position: bigint;
  readonly event: string;
  /** In which it was seen. */
  readonly incarnation: number;
}

/**
 * Which log this is, and what became of it. Immutable. Incarnations give no position twice, so that a position alone
 * tells whether its event is still in the log, wherever the loss was noticed before anything else was appended.
 */
export class LogIdentity {
  constructor(
    /** Of the log; a copy that goes its own way has another. */
    readonly id: string,
    /** Keys are derived from it (`keyFor`); it never leaves the processes of the log. */
    private readonly secret: Buffer,
    /** In order; at least one. */
    readonly incarnations: readonly Incarnation[],
    /** Sparse: what lies between the positions of two events is no loss. Who would count with positions asks here. */
    readonly positions: 'dense' | 'sparse' = 'dense',
  ) {}

  get current(): Incarnation {
    return this.incarnations.at(-1)!;
  }

  /** The incarnation in which a position was given, as its place tells. */
  incarnationOf(position: bigint): number {
    return this.incarnations.findLast(({ beginsAt }) => beginsAt <= position)?.number ?? 1;
  }

  /**
   * The position itself, or where its event was lost, the last one before it that is still in the log.
   * @param knownIn the incarnation in which the event was seen at this position; by default, the one that gave it
   */
  heldThrough(position: bigint, knownIn = this.incarnationOf(position)): bigint {
    let held = position;
    for (const { number, forkedAt } of this.incarnations) if (number > knownIn && forkedAt < held) held = forkedAt;
    return held;
  }

  /** True where the event that was seen at this position is no longer in the log. */
  isLost(position: bigint, knownIn?: number): boolean {
    return this.heldThrough(position, knownIn) !== position;
  }

  /** Where the log may have holes for good: exclusive of both ends, `(after, before)`. */
  get holes(): readonly { after: bigint; before: bigint }[] {
    if (this.positions === 'sparse') return [{ after: 0n, before: MAX_POSITION }];
    return this.incarnations.slice(1).map(({ follows, beginsAt }) => ({ after: follows, before: beginsAt }));
  }

  /** A key of 32 bytes for one purpose: HMAC-SHA256 of the purpose and the log's id under the log's secret. */
  keyFor(purpose: string): Buffer {
    return createHmac('sha256', this.secret).update(`yad ${purpose} ${this.id}`).digest();
  }

  /** Likewise, for what outlives a copy of the log that goes its own way: the keys of reservations, derived ids. */
  lastingKeyFor(purpose: string): Buffer {
    return createHmac('sha256', this.secret).update(`yad ${purpose}`).digest();
  }
}

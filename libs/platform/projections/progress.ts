import type { EventStore } from '#platform/event-store/event-store.js';
import type { Pool } from '#platform/postgres/pool.js';
import type { Freshness, Reached } from './freshness.js';
import { max, min } from './catch-up.js';

/** What the relay has put on the bus: everything through `position`; the last event of each partition. */
export interface Published {
  readonly position: bigint;
  readonly heads: ReadonlyMap<number, bigint>;
}

/** Where all live builds stand, seen in one snapshot. */
export interface Standing {
  readonly checkpoints: ReadonlyMap<string, ReadonlyMap<number, bigint>>;
  /** Undefined with a bus that has no relay. */
  readonly published: Published | undefined;
}

const FRESH_MS = 3;
const POLL_MS = 10;

const CHECKPOINTS = `select projection, partition, position::text from projections.checkpoints
  join projections.builds b using (projection, generation) where b.status = 'live'`;
// Names of projections are never empty, so the relay's lines can travel in the same answer.
const RELAY = `union all select '', -1, position::text from relay.state
  union all select '', partition, position::text from relay.heads`;

interface Waiter {
  readonly position: bigint;
  readonly projections: readonly string[];
  readonly resolve: (reached: boolean) => void;
}

export interface ProgressOptions {
  readonly pool: Pool;
  readonly store: Pick<EventStore, 'readAll' | 'head'>;
  /** The bus is fed by a relay that keeps `relay.state` and `relay.heads` in this database. */
  readonly relayed: boolean;
}

/** How far the read models are, over all processes. One poller serves everybody who waits. */
export class Progress implements Freshness {
  private last: { at: number; standing: Promise<Standing> } | undefined;
  private readonly waiters = new Set<Waiter>();
  private polling = false;
  private ring: (() => void) | undefined;
  private recorded: Reached = { position: 0n, recordedAt: null };

  constructor(private readonly options: ProgressOptions) {}

  /** Where live builds stand now, at most a few milliseconds old. */
  standing(): Promise<Standing> {
    const now = performance.now();
    if (this.last && now - this.last.at < FRESH_MS) return this.last.standing;
    const standing = this.read();
    const last = { at: now, standing };
    this.last = last;
    standing.catch(() => {
      if (this.last === last) this.last = undefined;
    });
    return standing;
  }

  async current(projections: readonly string[]): Promise<Reached> {
    if (projections.length === 0) return this.options.store.head();
    const position = reached(await this.standing(), projections);
    if (position === 0n) return { position, recordedAt: null };
    if (this.recorded.position !== position) {
      const [event] = await this.options.store.readAll({ after: position - 1n, through: position, limit: 1 });
      this.recorded = { position, recordedAt: event?.recordedAt ?? null };
      return { position, recordedAt: event?.recordedAt ?? null };
    }
    return this.recorded;
  }

  async waitFor(position: bigint, projections: readonly string[], timeoutMs: number): Promise<boolean> {
    if (projections.length === 0) return (await this.options.store.head()).position >= position;
    if (reached(await this.standing(), projections) >= position) return true;
    if (timeoutMs <= 0) return false;
    return new Promise<boolean>((resolve) => {
      const waiter: Waiter = {
        position,
        projections,
        resolve: (outcome) => {
          clearTimeout(timer);
          this.waiters.delete(waiter);
          resolve(outcome);
        },
      };
      const timer = setTimeout(() => waiter.resolve(false), timeoutMs);
      this.waiters.add(waiter);
      void this.poll();
    });
  }

  /** A writer of this process has committed. */
  committed(): void {
    this.last = undefined;
    this.ring?.();
  }

  close(): void {
    for (const waiter of this.waiters) waiter.resolve(false);
    this.ring?.();
  }

  private async poll(): Promise<void> {
    if (this.polling) return;
    this.polling = true;
    try {
      while (this.waiters.size > 0) {
        const rung = new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, POLL_MS);
          this.ring = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        // A database that is away is not an answer: those who wait do so until their time is up.
        const standing = await this.standing().catch(() => undefined);
        for (const waiter of standing ? [...this.waiters] : []) {
          if (reached(standing!, waiter.projections) >= waiter.position) waiter.resolve(true);
        }
        if (this.waiters.size > 0) await rung;
      }
    } finally {
      this.polling = false;
      this.ring = undefined;
    }
  }

  private async read(): Promise<Standing> {
    const { pool, relayed } = this.options;
    const { rows } = await pool.query<[string, number, string]>({
      name: relayed ? 'standing-relayed' : 'standing',
      text: relayed ? `${CHECKPOINTS} ${RELAY}` : CHECKPOINTS,
      rowMode: 'array',
    } as any);
    const checkpoints = new Map<string, Map<number, bigint>>();
    const heads = new Map<number, bigint>();
    let published = 0n;
    for (const [projection, partition, text] of rows as unknown as [string, number, string][]) {
      const position = BigInt(text);
      if (projection === '') {
        if (partition < 0) published = position;
        else heads.set(partition, position);
        continue;
      }
      const own = checkpoints.get(projection);
      if (own) own.set(partition, position);
      else checkpoints.set(projection, new Map([[partition, position]]));
    }
    return { checkpoints, published: relayed ? { position: published, heads } : undefined };
  }
}

/**
 * The position through which all of these projections have applied everything.
 * @throws Error for a projection without a live build
 */
export function reached({ checkpoints, published }: Standing, projections: readonly string[]): bigint {
  return min(
    projections.map((name) => {
      const own = checkpoints.get(name);
      if (!own) throw new Error(`the projection ${name} has no live build`);
      const least = min(own.values());
      if (!published) return least;
      // A partition that holds its last published event has nothing more through the relay's position.
      const behind = [...own].filter(([partition, at]) => at < (published.heads.get(partition) ?? 0n));
      const through =
        behind.length === 0 ? published.position : min([published.position, ...behind.map(([, at]) => at)]);
      return max([least, through]);
    }),
  );
}

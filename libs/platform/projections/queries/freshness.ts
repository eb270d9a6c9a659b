import type { EventStore } from '#platform/event-store/event-store.js';
import type { Checkpoints } from '../definition/query.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';

/** What the HTTP shell asks of the projection runtime, so that a reader can see its own writes. */
export interface Freshness {
  /** The least that all of these projections have reached: every event up to there is in them. */
  current(projections: readonly string[]): Promise<bigint>;
  /** What they have reached as soon as it is at least `position`; undefined when it is not after `timeoutMs`. */
  waitFor(position: bigint, projections: readonly string[], timeoutMs: number): Promise<bigint | undefined>;
  /**
   * Looks at what is on the bus, before a snapshot is taken. The outcome says of a snapshot's checkpoints which position
   * these projections had reached in it.
   */
  measure(): Promise<(checkpoints: Checkpoints, projections: readonly string[]) => bigint>;
  /** When the event at a position was recorded; null at 0, before the first. */
  recordedAt(position: bigint): Promise<Date | null>;
}

/** Of so many positions the time of record is remembered. */
const REMEMBERED = 8192;

/** When events were recorded: of the latest that passed through this process it knows, the log is asked for others. */
export class RecordingTimes implements Pick<Freshness, 'recordedAt'> {
  // By position modulo their number; 0 is no position.
  private readonly positions = new BigInt64Array(REMEMBERED);
  private readonly times = new Float64Array(REMEMBERED);

  constructor(private readonly store: Pick<EventStore, 'readAll'>) {}

  remember({ position, recordedAt }: Pick<StoredEvent, 'position' | 'recordedAt'>): void {
    const slot = slotOf(position);
    this.positions[slot] = position;
    this.times[slot] = recordedAt.getTime();
  }

  async recordedAt(position: bigint): Promise<Date | null> {
    const slot = slotOf(position);
    if (position > 0n && this.positions[slot] === position) return new Date(this.times[slot]!);
    const [event] = await this.store.readAll({ after: position - 1n, through: position, limit: 1 });
    if (event) this.remember(event);
    return event?.recordedAt ?? null;
  }
}

const slotOf = (position: bigint): number => Number(position % BigInt(REMEMBERED));

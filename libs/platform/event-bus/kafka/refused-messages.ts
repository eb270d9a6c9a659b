import type { BusLog } from '../bus-log.js';
import type { Refusal } from './message-authenticator.js';

/** No more often is the same told in the log: a topic that is shared by mistake has thousands of them. */
const TELL_EVERY_MS = 10_000;

/** Counts the messages that were passed over, by reason, and tells of them now and then. */
export class RefusedMessages {
  /** Messages that told of a fork of the log, which is nothing to a reader that has the log to hear it from. */
  forks = 0;
  private readonly counted = new Map<Refusal, { count: number; toldAt: number }>();

  constructor(private readonly log: BusLog) {}

  /** By reason; those that never occurred are absent. */
  get counts(): Readonly<Partial<Record<Refusal, number>>> {
    return Object.fromEntries([...this.counted].map(([reason, { count }]) => [reason, count]));
  }

  add(reason: Refusal, where: string, cause?: unknown): void {
    const entry = this.counted.get(reason) ?? { count: 0, toldAt: -Infinity };
    this.counted.set(reason, entry);
    entry.count++;
    const now = performance.now();
    if (now - entry.toldAt < TELL_EVERY_MS) return;
    entry.toldAt = now;
    this.log.warn(`kafka: message ${where} is ${reason}, passed over (${entry.count} so far)`, cause);
  }
}

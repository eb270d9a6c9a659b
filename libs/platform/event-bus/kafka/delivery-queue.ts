import { setImmediate } from 'node:timers/promises';
import { charactersOf } from '#platform/kernel/sizes.js';
import { backoff } from '#platform/kernel/backoff.js';
import type { BusLog } from '../bus-log.js';
import { pause } from '../pause.js';
import type { BusMessage, Consumer } from '../event-bus.js';

/** Messages of one partition that wait to be delivered. */
export interface Waiting {
  partition: number;
  messages: readonly BusMessage[];
  /** Keeps the membership alive; rejects when the group is being shared out anew. */
  heartbeat: () => Promise<void>;
  /** False once this reading is no longer ours to go on with. */
  isCurrent: () => boolean;
}

/** Messages that are fetched while earlier ones are being written, and characters of their events. */
const AHEAD = 2_000;
const AHEAD_CHARACTERS = 16 * 1024 * 1024;

interface Entry extends Waiting {
  resolve: (delivered: boolean) => void;
  reject: (error: unknown) => void;
}

/**
 * Hands a consumer one delivery at a time, with all that has gathered: the partitions that one fetch brought go
 * together, in one transaction of the read models.
 */
export class DeliveryQueue {
  private entries: Entry[] = [];
  private scheduled = false;
  private running: Promise<void> | undefined;
  private waiting = 0;
  private characters = 0;

  constructor(
    private readonly consumer: Consumer,
    private readonly heartbeatMs: number,
    private readonly signal: AbortSignal,
    private readonly name: string,
    private readonly log: BusLog,
  ) {}

  get busy(): boolean {
    return this.running !== undefined || this.entries.length > 0;
  }

  /** Resolves to true when the messages are durable, to false when they are no longer ours to deliver. */
  push(waiting: Waiting): Promise<boolean> {
    let characters = 0;
    for (const { event } of waiting.messages) characters += charactersOf(event);
    this.waiting += waiting.messages.length;
    this.characters += characters;
    return new Promise<boolean>((resolve, reject) => {
      this.entries.push({ ...waiting, resolve, reject });
      this.schedule();
    }).finally(() => {
      this.waiting -= waiting.messages.length;
      this.characters -= characters;
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.busy) await (this.running ?? setImmediate());
  }

  /** Enough waits to be delivered: who brings more should wait until what he brought is durable. */
  get full(): boolean {
    return this.waiting > AHEAD || this.characters > AHEAD_CHARACTERS;
  }

  private schedule(): void {
    if (this.scheduled || this.running) return;
    this.scheduled = true;
    // kafkajs hands over the partitions of one fetch in one turn of the event loop: after it, all are here.
    void setImmediate().then(() => {
      this.scheduled = false;
      this.running = this.run().finally(() => {
        this.running = undefined;
        if (this.entries.length > 0) this.schedule();
      });
    });
  }

  private async run(): Promise<void> {
    while (this.entries.length > 0) {
      const entries = this.entries;
      this.entries = [];
      await this.deliver(entries);
    }
  }

  private async deliver(gathered: readonly Entry[]): Promise<void> {
    // After a rebalance entries of the old reading may still wait beside those of the new one.
    const entries = gathered.filter((entry) => entry.isCurrent());
    for (const entry of gathered) if (!entries.includes(entry)) entry.resolve(false);
    if (entries.length === 0) return;
    let lost: unknown;
    const turn = new AbortController();
    const end = (): void => turn.abort();
    this.signal.addEventListener('abort', end, { once: true });
    // kafkajs beats between batches only: a long delivery would cost the membership (#1720, #387).
    const beat = setInterval(() => {
      for (const entry of entries) {
        entry.heartbeat().catch((error: unknown) => {
          lost = error;
          turn.abort();
        });
      }
    }, this.heartbeatMs);
    try {
      const delivered = await this.retry(entries, turn.signal);
      // The group is shared out anew: kafkajs has to hear of it, from the batch, to join again.
      for (const entry of entries) {
        if (lost === undefined) entry.resolve(delivered);
        else entry.reject(lost);
      }
    } catch (error) {
      for (const entry of entries) entry.reject(error);
    } finally {
      clearInterval(beat);
      this.signal.removeEventListener('abort', end);
    }
  }

  private async retry(entries: readonly Entry[], signal: AbortSignal): Promise<boolean> {
    const delivery = {
      messages: entries.length === 1 ? entries[0]!.messages : entries.flatMap(({ messages }) => messages),
      partitions: [...new Set(entries.map(({ partition }) => partition))],
    };
    for (let failures = 1; !signal.aborted && entries.every((entry) => entry.isCurrent()); failures++) {
      try {
        await this.consumer.deliver(delivery);
        return true;
      } catch (error) {
        this.log.warn(`kafka: ${this.name} could not take a delivery, trying again (${failures})`, error);
        await pause(backoff(failures), signal);
      }
    }
    return false;
  }
}

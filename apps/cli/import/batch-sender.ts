import { createHash } from 'node:crypto';
import { backoff } from '#platform/kernel/backoff.js';
import type { MappedCommand } from './mapping.js';
import { PAUSES, TIMEOUT_MS, type Server } from './server.js';

export interface SendOutcome {
  status: number;
  repeated: boolean;
  /** The key came before, with something else. */
  reused: boolean;
  /** Events stored. */
  events: number;
  /** Why it was refused, in the server's words. */
  problem?: string;
  position?: string;
}

export interface SenderOptions {
  server: Server;
  /** Batches under way at once. */
  queues?: number;
  batchItems?: number;
  batchBytes?: number;
  reason?: string;
}

interface Item {
  text: string;
  onOutcome: (outcome: SendOutcome) => void;
}

interface SendQueue {
  waiting: Item[];
  bytes: number;
  sending: Promise<void>;
}

/**
 * Sends commands in batches, several at once; those with the same order key go one after the other, so that a
 * contact is there before its orders. Waits when the server is slower than the file.
 */
export class BatchSender {
  private readonly queues: SendQueue[];
  private readonly options: SenderOptions & { queues: number; batchItems: number; batchBytes: number };

  constructor(options: SenderOptions) {
    this.options = { queues: 3, batchItems: 500, batchBytes: 1_000_000, ...options };
    this.queues = Array.from({ length: this.options.queues }, () => ({
      waiting: [],
      bytes: 0,
      sending: Promise.resolve(),
    }));
  }

  /** Takes a command; resolves at once, or when a place is free. Rejects when the server cannot be reached. */
  async send(
    orderKey: string,
    sent: MappedCommand & { inputText?: string },
    onOutcome: Item['onOutcome'],
  ): Promise<void> {
    const { command, id, key, occurredAt, input, inputText = JSON.stringify(input) } = sent;
    const head = JSON.stringify({ command, id, key, occurredAt, reason: this.options.reason });
    const text = `${head.slice(0, -1)},"input":${inputText}}`;
    const queue = this.queues[createHash('md5').update(orderKey).digest()[0]! % this.queues.length]!;
    queue.waiting.push({ text, onOutcome });
    queue.bytes += Buffer.byteLength(text);
    if (queue.waiting.length < this.options.batchItems && queue.bytes < this.options.batchBytes) return;
    // One batch under way and one in the making: the file is read no faster than the server answers.
    await queue.sending;
    this.flush(queue);
  }

  /** Sends what waits and resolves when all is answered. */
  async drain(): Promise<void> {
    for (const queue of this.queues) {
      await queue.sending;
      this.flush(queue);
      await queue.sending;
    }
  }

  /** Resolves when nothing is under way any more, answered or not. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.queues.map(({ sending }) => sending));
  }

  private flush(queue: SendQueue): void {
    if (queue.waiting.length === 0) return;
    const batch = queue.waiting;
    queue.waiting = [];
    queue.bytes = 0;
    queue.sending = this.post(batch);
    // Whoever waits for the queue next gets the rejection; until then it must not count as unhandled.
    queue.sending.catch(() => {});
  }

  /**
   * Sends a batch until each of its items is answered for good. An item that the server could not take for now is
   * sent again, in order, with those behind it that were refused: they may have been refused for want of it.
   */
  private async post(batch: readonly Item[]): Promise<void> {
    const { server } = this.options;
    let open = batch;
    let end = Date.now() + TIMEOUT_MS;
    for (let failures = 1; ; failures++) {
      const outcomes = await this.request(open);
      const first = outcomes.findIndex(isForNow);
      const again: Item[] = [];
      open.forEach((item, index) => {
        const outcome = outcomes[index];
        if (first >= 0 && index >= first && outcome.status >= 400) again.push(item);
        else item.onOutcome(outcomeOf(outcome));
      });
      if (again.length === 0) return;
      if (again.length < open.length) end = Date.now() + TIMEOUT_MS;
      if (Date.now() > end) throw new Error(`${server.url} takes nothing: ${describe(outcomes[first])}`);
      open = again;
      await server.pause(backoff(failures, PAUSES));
    }
  }

  /** The answers to some items, in their order. */
  private async request(items: readonly Item[]): Promise<any[]> {
    const { server } = this.options;
    // The keys make a repeat harmless.
    const body = `{"items":[${items.map(({ text }) => text).join(',')}]}`;
    const answer = await server.post('/v1/commands:batch', body, 'batch');
    if (answer !== 'too-large') {
      const { outcomes } = answer;
      if (Array.isArray(outcomes) && outcomes.length === items.length) return outcomes;
      throw server.strange(answer);
    }
    if (items.length === 1) return [{ status: 413, detail: 'it is larger than what the server takes' }];
    const half = items.length >> 1;
    return [...(await this.request(items.slice(0, half))), ...(await this.request(items.slice(half)))];
  }
}

/** Not an answer to the command: the server is busy, or others were faster. */
const isForNow = ({ status, type }: any): boolean =>
  [408, 429, 502, 503, 504].includes(status) || String(type).endsWith(':too-contended');

const outcomeOf = (outcome: any): SendOutcome => ({
  status: outcome.status,
  repeated: outcome.repeated === true,
  reused: String(outcome.type).endsWith(':idempotency-key-reused'),
  events: outcome.events ?? 0,
  position: outcome.position,
  problem: outcome.status >= 400 ? describe(outcome.problem ?? outcome) : undefined,
});

function describe(problem: any): string {
  const places = (problem.errors ?? []).map((error: any) => `${error.pointer}: ${error.detail ?? error.message}`);
  return [problem.rule, problem.detail ?? problem.title, ...places].filter(Boolean).join('; ');
}

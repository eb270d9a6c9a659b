import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MappedCommand } from './mapping.js';

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
  url: string;
  /** Batches under way at once. */
  lanes?: number;
  batchItems?: number;
  batchBytes?: number;
  reason?: string;
  signal?: AbortSignal;
}

/** How long a server may be gone, and how long one may take to come up that has not answered yet: it may not be there. */
const TIMEOUT_MS = 60_000;
const FIRST_PATIENCE_MS = 15_000;
/** How long one batch may be without an answer before it is sent again. */
const SILENCE_MS = 120_000;

interface Item {
  text: string;
  onOutcome: (outcome: SendOutcome) => void;
}

interface ProjectionWorker {
  waiting: Item[];
  bytes: number;
  sending: Promise<void>;
}

/**
 * Sends commands in batches, several at once; those with the same order key go one after the other, so that a
 * contact is there before its orders. Waits when the server is slower than the file.
 */
export class BatchSender {
  private readonly lanes: ProjectionWorker[];
  private answered = false;
  private readonly options: SenderOptions & { lanes: number; batchItems: number; batchBytes: number };

  constructor(options: SenderOptions) {
    this.options = { lanes: 3, batchItems: 500, batchBytes: 1_000_000, ...options };
    this.lanes = Array.from({ length: this.options.lanes }, () => ({
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
    const lane = this.lanes[createHash('md5').update(orderKey).digest()[0]! % this.lanes.length]!;
    lane.waiting.push({ text, onOutcome });
    lane.bytes += Buffer.byteLength(text);
    if (lane.waiting.length < this.options.batchItems && lane.bytes < this.options.batchBytes) return;
    // One batch under way and one in the making: the file is read no faster than the server answers.
    await lane.sending;
    this.flush(lane);
  }

  /** Sends what waits and resolves when all is answered. */
  async drain(): Promise<void> {
    for (const lane of this.lanes) {
      await lane.sending;
      this.flush(lane);
      await lane.sending;
    }
  }

  /** Resolves when nothing is under way any more, answered or not. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.lanes.map(({ sending }) => sending));
  }

  private flush(lane: ProjectionWorker): void {
    if (lane.waiting.length === 0) return;
    const batch = lane.waiting;
    lane.waiting = [];
    lane.bytes = 0;
    lane.sending = this.post(batch);
    // Whoever waits for the lane next gets the rejection; until then it must not count as unhandled.
    lane.sending.catch(() => {});
  }

  /**
   * Sends a batch until each of its items is answered for good. An item that the server could not take for now is
   * sent again, in order, with those behind it that were refused: they may have been refused for want of it.
   */
  private async post(batch: readonly Item[]): Promise<void> {
    let open = batch;
    let end = Date.now() + TIMEOUT_MS;
    for (let pause = 100; ; pause = Math.min(pause * 2, 2000)) {
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
      if (Date.now() > end) throw new Error(`${this.options.url} takes nothing: ${describe(outcomes[first])}`);
      open = again;
      await sleep(pause, undefined, { signal: this.options.signal });
    }
  }

  /** The answers to some items, in their order. */
  private async request(items: readonly Item[]): Promise<any[]> {
    const answer = await this.answerTo(`{"items":[${items.map(({ text }) => text).join(',')}]}`);
    if (answer !== 'too-large') {
      const { outcomes } = answer;
      if (Array.isArray(outcomes) && outcomes.length === items.length) return outcomes;
      throw new Error(`${this.options.url} does not answer as Yad does: ${JSON.stringify(answer).slice(0, 200)}`);
    }
    if (items.length === 1) return [{ status: 413, detail: 'it is larger than what the server takes' }];
    const half = items.length >> 1;
    return [...(await this.request(items.slice(0, half))), ...(await this.request(items.slice(half)))];
  }

  /** Posts, and posts again while the server is starting, busy or gone: the keys make a repeat harmless. */
  private async answerTo(body: string): Promise<any> {
    const { url, signal } = this.options;
    const end = Date.now() + (this.answered ? TIMEOUT_MS : FIRST_PATIENCE_MS);
    for (let pause = 100; ; pause = Math.min(pause * 2, 2000)) {
      let why: string;
      try {
        const silence = AbortSignal.timeout(SILENCE_MS);
        const response = await fetch(new URL('/v1/commands:batch', url), {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'yad-actor': 'yad import' },
          body,
          signal: signal ? AbortSignal.any([signal, silence]) : silence,
        });
        this.answered = true;
        if (response.ok) return await response.json();
        if (response.status === 413) {
          await response.body?.cancel();
          return 'too-large';
        }
        why = `${response.status} ${await response.text()}`;
        if (response.status < 500 && ![408, 429].includes(response.status))
          throw new Refused(`${url} refused the batch: ${why}`);
      } catch (error) {
        if (error instanceof Refused || signal?.aborted) throw error;
        why = String((error as { cause?: unknown }).cause ?? error);
      }
      if (Date.now() > end) throw new Error(`${url} does not answer: ${why}`);
      await sleep(pause, undefined, { signal });
    }
  }
}

class Refused extends Error {}

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

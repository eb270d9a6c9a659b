import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MappedCommand, SourceLine } from './mapping.js';

/** A command with the lines that it came from. */
export interface Sendable {
  command: MappedCommand;
  lines: readonly SourceLine[];
}

export interface SendOutcome {
  sent: Sendable;
  status: number;
  repeated: boolean;
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
  onOutcome: (outcome: SendOutcome) => void;
  signal?: AbortSignal;
}

/** How long a server may be gone, and how long one may take to come up that has not answered yet: it may not be there. */
const PATIENCE_MS = 60_000;
const FIRST_PATIENCE_MS = 15_000;

interface Lane {
  waiting: { text: string; sendable: Sendable }[];
  bytes: number;
  sending: Promise<void>;
  busy: boolean;
}

/**
 * Sends commands in batches, several at once; those with the same order key go one after the other, so that a
 * contact is there before its orders. Waits when the server is slower than the file.
 */
export class BatchSender {
  private readonly lanes: Lane[];
  private answered = false;
  private readonly options: Required<Omit<SenderOptions, 'reason' | 'signal'>> & SenderOptions;

  constructor(options: SenderOptions) {
    this.options = { lanes: 3, batchItems: 500, batchBytes: 1_000_000, ...options };
    this.lanes = Array.from({ length: this.options.lanes }, () => ({
      waiting: [],
      bytes: 0,
      sending: Promise.resolve(),
      busy: false,
    }));
  }

  /** Takes a command; resolves at once, or when a place is free. Rejects when the server cannot be reached. */
  async send(orderKey: string, sendable: Sendable): Promise<void> {
    const { command } = sendable;
    const text = JSON.stringify({ ...command, reason: this.options.reason });
    const lane = this.lanes[createHash('md5').update(orderKey).digest()[0]! % this.lanes.length]!;
    lane.waiting.push({ text, sendable });
    lane.bytes += text.length;
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

  private flush(lane: Lane): void {
    if (lane.waiting.length === 0) return;
    const batch = lane.waiting;
    lane.waiting = [];
    lane.bytes = 0;
    lane.sending = this.post(batch);
    // Whoever waits for the lane next gets the rejection; until then it must not count as unhandled.
    lane.sending.catch(() => {});
  }

  private async post(batch: Lane['waiting']): Promise<void> {
    const body = `{"items":[${batch.map(({ text }) => text).join(',')}]}`;
    const answer = await this.request(body);
    const outcomes = answer.outcomes ?? answer.items;
    batch.forEach(({ sendable }, index) => {
      const outcome = outcomes[index];
      this.options.onOutcome({
        sent: sendable,
        status: outcome.status,
        repeated: outcome.repeated === true,
        events: outcome.events ?? 0,
        position: outcome.position,
        problem: outcome.status >= 400 ? describe(outcome.problem ?? outcome) : undefined,
      });
    });
  }

  /** Posts, and posts again while the server is starting, busy or gone: the keys make a repeat harmless. */
  private async request(body: string): Promise<any> {
    const { url, signal } = this.options;
    const end = Date.now() + (this.answered ? PATIENCE_MS : FIRST_PATIENCE_MS);
    for (let pause = 100; ; pause = Math.min(pause * 2, 2000)) {
      let why: string;
      try {
        const response = await fetch(new URL('/v1/commands:batch', url), {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'yad-actor': 'yad import' },
          body,
          signal,
        });
        this.answered = true;
        if (response.ok) return await response.json();
        why = `${response.status} ${await response.text()}`;
        if (response.status < 500 && response.status !== 429) throw new Refused(`${url} refused the batch: ${why}`);
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

function describe(problem: any): string {
  const places = (problem.errors ?? []).map((error: any) => `${error.pointer}: ${error.detail ?? error.message}`);
  return [problem.rule, problem.detail ?? problem.title, ...places].filter(Boolean).join('; ');
}

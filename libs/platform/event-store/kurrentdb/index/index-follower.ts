import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '#platform/kernel/backoff.js';
import type { LogIdentity } from '../../log-identity.js';
import type { Names } from '../names.js';
import type { RawRecord } from '../records.js';
import { IndexMoved, IndexWriter } from './index-writer.js';

/** The log as the follower reads it. */
export interface FollowedLog {
  readonly identity: LogIdentity;
  subscribeRaw(after: bigint, options: { signal: AbortSignal; limit: number }): AsyncIterable<RawRecord[]>;
}

/** How often a process that does not have the index asks for it, and one that has it says so. */
const EVERY_MS = 2_000;
const PAGE = 1_000;

/** Keeps the index up to date: of all processes of a log one at a time. */
export class IndexFollower {
  private readonly stop = new AbortController();
  private readonly writer: IndexWriter;
  private running: Promise<void> | undefined;

  /** @param onTrouble told of what it tries again */
  constructor(
    url: string,
    names: Names,
    private readonly log: FollowedLog,
    private readonly onTrouble: (error: unknown) => void,
  ) {
    this.writer = new IndexWriter(url, names, randomUUID());
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Empties the index, whoever keeps it: that process, or else this one, fills it again. */
  async rebuild(): Promise<void> {
    const { id, current } = this.log.identity;
    await this.writer.begin(id, current.number);
    this.start();
  }

  private async run(): Promise<void> {
    const { signal } = this.stop;
    for (let failures = 0; !signal.aborted;) {
      try {
        const { id, current } = this.log.identity;
        if (await this.writer.lead(id, current.number)) await this.follow(signal);
        else await pause(EVERY_MS, signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof IndexMoved)) this.onTrouble(error);
        await pause(backoff(++failures, { firstMs: 50 }), signal);
      }
    }
  }

  /** Until the log has another incarnation, or another process has the index. */
  private async follow(signal: AbortSignal): Promise<void> {
    const { log, writer } = this;
    const { id, current } = log.identity;
    const own = new AbortController();
    const end = (): void => own.abort();
    signal.addEventListener('abort', end);
    let failure: unknown;
    let writing: Promise<void> = Promise.resolve();
    const keeping = (async () => {
      while (!own.signal.aborted) {
        await pause(EVERY_MS, own.signal);
        if (own.signal.aborted) return;
        if (log.identity.current.number !== current.number) throw new IndexMoved();
        // Between two pages: a page under way moves what is known of the index.
        await (writing = writing.then(async () => {
          const before = writer.times.through;
          const leads = await writer.lead(id, current.number);
          // Begun anew meanwhile: what is read here does not follow it.
          if (!leads || writer.times.through !== before) throw new IndexMoved();
        }));
      }
    })().catch((error: unknown) => {
      failure ??= error;
      own.abort();
    });
    try {
      for await (const page of log.subscribeRaw(writer.times.through, { signal: own.signal, limit: PAGE })) {
        await (writing = writing.then(() => writer.write(page)));
      }
    } finally {
      own.abort();
      signal.removeEventListener('abort', end);
      await keeping;
    }
    if (failure) throw failure;
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.running;
    await this.writer.close();
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {});

import { setTimeout as sleep } from 'node:timers/promises';
import type { EventStore } from '#platform/event-store/event-store.js';
import { backoff } from '#platform/kernel/backoff.js';
import type { Clock } from '#platform/kernel/clock.js';
import { InvalidInput, YadError } from '#platform/kernel/errors.js';
import { UnknownEventError } from '#platform/kernel/event-catalogue.js';
import { StateTooLarge } from '#platform/kernel/policy-state.js';
import { isUnavailable } from '#platform/postgres/pool.js';
import type { ActivePolicy } from './pending.js';
import { isSerialization, type DueCommand, type Leased, type SendQueue } from './send-queue.js';
import type { CommandSender } from './sending.js';

export interface SendLimits {
  /** Tries before a command is parked. */
  readonly tries: number;
  /** Before the second try; doubles with each further one. */
  readonly firstMs: number;
  readonly capMs: number;
  /** How long another process waits for one that is gone. */
  readonly leaseMs: number;
  /** How often it is looked for what has become due. */
  readonly lookMs: number;
}

/** Some five minutes of tries: longer than clocks may be apart. */
export const usualLimits: SendLimits = { tries: 12, firstMs: 1_000, capMs: 60_000, leaseMs: 3_000, lookMs: 500 };

/** Customers of each policy in one look. */
const PAGE = 200;
/** Customers whose commands are under way at once. */
const SIDE_BY_SIDE = 16;

export interface PolicySenderOptions {
  readonly queue: SendQueue;
  readonly sender: CommandSender;
  readonly store: Pick<EventStore, 'isTransient'>;
  readonly clock: Clock;
  /** The policies that this process has, now. */
  readonly active: () => readonly ActivePolicy[];
  readonly limits: SendLimits;
  readonly onError: (error: unknown) => void;
}

/** Sends what is due, in order of due time, the commands about one customer one after the other. */
export class PolicySender {
  private readonly closing = new AbortController();
  private running: Promise<void> | undefined;
  private wakeUp: (() => void) | undefined;
  private woken = false;
  private leased: string[] = [];
  private leasedAt = -Infinity;

  constructor(private readonly options: PolicySenderOptions) {}

  start(): void {
    this.running ??= this.run();
  }

  /** Something may be due at once. */
  wake(): void {
    this.woken = true;
    this.wakeUp?.();
  }

  /** Waits for what is under way; others may send from then on. */
  async stop(): Promise<void> {
    this.closing.abort();
    this.wakeUp?.();
    await this.running;
    await this.options.queue.release().catch(() => {});
  }

  /** Whether it is this process that sends for a policy. */
  sendsFor(policy: string): boolean {
    return this.leased.includes(policy);
  }

  /** Sends what is due now, and what becomes due by that. @returns how many commands were looked at */
  async sendDue(): Promise<number> {
    let all = 0;
    for (;;) {
      const looked = await this.look();
      all += looked;
      if (looked === 0 || this.closing.signal.aborted) return all;
    }
  }

  private async run(): Promise<void> {
    const { limits, onError } = this.options;
    for (let failures = 0; !this.closing.signal.aborted;) {
      this.woken = false;
      let wait = limits.lookMs;
      try {
        await this.sendDue();
        failures = 0;
      } catch (error) {
        if (!isSerialization(error)) onError(error);
        wait = backoff(++failures);
      }
      if (!this.woken || failures > 0) await this.idle(wait);
    }
  }

  private async idle(ms: number): Promise<void> {
    const stop = new AbortController();
    const woken = new Promise<void>((resolve) => (this.wakeUp = resolve));
    if (this.closing.signal.aborted) return;
    await Promise.race([woken, sleep(ms, undefined, { signal: stop.signal }).catch(() => {})]);
    stop.abort();
    this.wakeUp = undefined;
  }

  /** Sees to it that this process sends what nobody else does. */
  async renew(): Promise<void> {
    const { queue, active, limits } = this.options;
    if (performance.now() - this.leasedAt <= limits.leaseMs / 3) return;
    const own = active().map(({ definition: { name, version } }): Leased => ({ policy: name, version }));
    this.leased = await queue.lease(own, limits.leaseMs);
    this.leasedAt = performance.now();
  }

  private async look(): Promise<number> {
    const { queue, clock, active } = this.options;
    const policies = new Map(active().map((policy) => [policy.definition.name, policy]));
    const own = [...policies.values()].map(({ definition: { name, version } }): Leased => ({ policy: name, version }));
    await this.renew();
    const mine = own.filter(({ policy }) => this.leased.includes(policy));
    if (mine.length === 0) return 0;
    const rows = await queue.due(mine, clock.now(), PAGE);
    const bySubject = new Map<string, DueCommand[]>();
    for (const row of rows) {
      const key = JSON.stringify([row.policy, row.subject]);
      const same = bySubject.get(key);
      if (same) same.push(row);
      else bySubject.set(key, [row]);
    }
    // Each in order, some side by side; taken in order of the first of each.
    const waiting = [...bySubject.values()];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next && !this.closing.signal.aborted; next = waiting.shift()) {
        await this.sendInOrder(policies.get(next[0]!.policy)!, next);
      }
    };
    const workers = Array.from({ length: SIDE_BY_SIDE }, worker);
    const ended = await Promise.allSettled(workers);
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
    return rows.length;
  }

  private async sendInOrder(policy: ActivePolicy, rows: readonly DueCommand[]): Promise<void> {
    const { queue, clock } = this.options;
    for (const row of rows) {
      if (this.closing.signal.aborted) return;
      const now = clock.now();
      if (!row.runAt || row.runAt > now) return queue.holdBehind(row, row.runAt, now);
      if (!(await this.sendOne(policy, row))) return;
    }
  }

  /** False where what is behind it has to wait. */
  private async sendOne(policy: ActivePolicy, row: DueCommand): Promise<boolean> {
    const { queue, sender, clock, limits } = this.options;
    const { version } = policy.definition;
    try {
      if (row.isSettled) {
        await queue.drop(row);
        return true;
      }
      const sent = await sender.send(policy, row);
      if (sent.is === 'gone') await queue.drop(row);
      else if (sent.is === 'postponed') await queue.postpone(row, sent.due);
      else await queue.settle(row, version, sent.outcome, clock.now());
      return sent.is !== 'settled' || sent.outcome.status !== 'parked';
    } catch (error) {
      // A database that is away says nothing of the command: all wait for it.
      if (isUnavailable(error) || isSerialization(error)) throw error;
      const now = clock.now();
      const helps = this.isTransient(error);
      // The same again would fail again: the policy keeps too much, or its command is not one.
      const isFinal = error instanceof InvalidInput || error instanceof StateTooLarge;
      if (!isFinal && (helps || row.attempts + 1 < limits.tries)) {
        const wait = backoff(helps ? 1 : row.attempts + 1, limits);
        await queue.again(row, new Date(now.getTime() + wait), now, !helps);
        return false;
      }
      this.options.onError(new Error(`${row.policy}: the command about ${row.position} is parked`, { cause: error }));
      await queue.settle(row, version, { status: 'parked', error: classOf(error) }, now);
      return false;
    }
  }

  /** Whether the same again may succeed by itself, however often that takes. */
  private isTransient(error: unknown): boolean {
    const busy = ['too-contended', 'overloaded', 'outcome-unknown', 'clocks-apart', 'stale-revision'];
    // Newer code is on its way, or here already in another process.
    if (error instanceof UnknownEventError) return true;
    return (error instanceof YadError && busy.includes(error.kind)) || this.options.store.isTransient(error);
  }
}

/** The kind of an error, without its words. */
const classOf = (error: unknown): string =>
  error instanceof YadError ? error.kind : error instanceof Error ? error.name : typeof error;

import { setTimeout as sleep } from 'node:timers/promises';
import { YadError } from '#platform/kernel/errors.js';
import { consoleLog, type Log } from '#platform/observability/log.js';
import { WrongSettings } from './environment.js';

/** Longest wait for an orderly end. */
export const DEADLINE_MS = 20_000;

export interface LifecycleOptions {
  /** How long after SIGTERM requests are still taken, while readiness says that the process goes down. */
  readonly drainMs?: number;
  /** Longest wait for an orderly end; a process that hangs must not look healthy. */
  readonly deadlineMs?: number;
  /** Ends the process; specs put their own here. */
  readonly exit?: (code: number) => void;
  readonly log?: Pick<Log, 'info' | 'error'>;
}

/**
 * Start and end of a process, the same in every app: what was started is stopped in reverse order, each once, within a
 * deadline. A stop that fails is told, and does not keep the others from being stopped.
 */
export class Lifecycle {
  private readonly stops: { readonly what: string; readonly stop: () => Promise<unknown> | void }[] = [];
  private readonly drains: (() => void)[] = [];
  private ending: Promise<boolean> | undefined;
  private readonly listeners: [NodeJS.Signals, () => void][] = [];
  private readonly log: Pick<Log, 'info' | 'error'>;

  constructor(
    private readonly name: string,
    private readonly options: LifecycleOptions = {},
  ) {
    this.log = options.log ?? consoleLog;
  }

  /** Has something stopped at the end, before all that was started earlier. */
  onStop(what: string, stop: () => Promise<unknown> | void): void {
    this.stops.push({ what, stop });
  }

  /** Has what takes requests tell its clients, from the beginning of the end, to go elsewhere. */
  onDrain(drain: () => void): void {
    this.drains.push(drain);
  }

  /** Waits for what is being started and has it closed at the end. */
  async opened<T extends { close(): Promise<unknown> }>(what: string, opening: Promise<T>): Promise<T> {
    const opened = await opening;
    this.onStop(what, () => opened.close());
    return opened;
  }

  /** For readiness. @throws Error once the process is going down */
  readonly check = async (): Promise<void> => {
    if (this.ending) throw new Error('is going down');
  };

  /** Ends the process in order at SIGTERM or Ctrl-C: 0, or 1 when something could not be stopped in time. */
  endOnSignals(): void {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const listener = (): void => void this.end(signal);
      this.listeners.push([signal, listener]);
      process.on(signal, listener);
    }
  }

  /** Stops everything, in order. Resolves to whether all of it could be stopped. */
  stop(): Promise<boolean> {
    return (this.ending ??= this.stopAll());
  }

  /** Stops everything and ends the process with 1: it cannot go on. */
  async fail(error: unknown): Promise<void> {
    if (error instanceof Error && isExpected(error)) this.log.error(`${this.name}: ${error.message}`);
    else this.log.error(`${this.name}: cannot go on`, { trouble: error });
    await this.withinDeadline(this.stop());
    this.exit(1);
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    if (this.ending) return;
    const { drainMs = 0 } = this.options;
    // Ctrl-C is somebody at a terminal, and what takes no requests has no balancer: nobody else has to notice first.
    const waitMs = signal === 'SIGTERM' && this.drains.length > 0 ? drainMs : 0;
    this.log.info(`${this.name}: ${signal}, going down${waitMs > 0 ? ` after ${waitMs} ms` : ''}`);
    let stopped!: (whole: boolean) => void;
    // From here on readiness says no, and every answer that its connection ends: balancers and clients go elsewhere
    // while their requests are still taken.
    this.ending = new Promise((resolve) => (stopped = resolve));
    for (const drain of this.drains) drain();
    await sleep(waitMs);
    const whole = await this.withinDeadline(this.stopAll());
    stopped(whole);
    this.exit(whole ? 0 : 1);
  }

  private async withinDeadline(stopping: Promise<boolean>): Promise<boolean> {
    const { deadlineMs = DEADLINE_MS } = this.options;
    const late = new AbortController();
    const deadline = sleep(deadlineMs, false, { signal: late.signal }).catch(() => false);
    const whole = await Promise.race([stopping, deadline.then((): undefined => undefined)]);
    late.abort();
    if (whole === undefined) this.log.error(`${this.name}: not stopped in order within ${deadlineMs} ms`);
    return whole ?? false;
  }

  private async stopAll(): Promise<boolean> {
    let whole = true;
    for (const { what, stop } of this.stops.splice(0).toReversed()) {
      try {
        await stop();
      } catch (error) {
        whole = false;
        this.log.error(`${this.name}: ${what} could not be stopped in order`, { trouble: error });
      }
    }
    for (const [signal, listener] of this.listeners.splice(0)) process.off(signal, listener);
    return whole;
  }

  private exit(code: number): void {
    (this.options.exit ?? ((given) => process.exit(given)))(code);
  }
}

/** Said in a line, without the place in the code: whoever starts the process can mend it. */
const isExpected = (error: Error): boolean =>
  error instanceof WrongSettings || error instanceof YadError || 'code' in error;

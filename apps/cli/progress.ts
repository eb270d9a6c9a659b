import type { FillProgress } from '#platform/projections/builds/fill.js';

const EVERY_MS = 5_000;

/** Shows on stderr how far a long work is: one line that is drawn over on a terminal, else a line now and then. */
export class ProgressShown {
  private readonly terminal = process.stderr.isTTY === true;
  private last = 0;
  private drawn = false;

  readonly onProgress = ({ position, target, eventsPerSecond, secondsLeft }: FillProgress): void => {
    const left = Number.isFinite(secondsLeft) ? `, ${Math.ceil(secondsLeft)} s left` : '';
    this.show(`${position} of ${target} events, ${Math.round(eventsPerSecond)}/s${left}`, position >= target);
  };

  /** A new step begins. */
  readonly onStep = (step: string): void => this.line(step);

  /** Something is waited for. */
  readonly onWait = (why: string): void => this.line(why);

  /** Clears the line, so that something else can be printed. */
  readonly end = (): void => {
    if (this.drawn) process.stderr.write('\r\u001b[K');
    this.drawn = false;
  };

  private show(text: string, last: boolean): void {
    if (this.terminal) {
      process.stderr.write(`\r\u001b[K${text}`);
      this.drawn = true;
      return;
    }
    if (!last && Date.now() - this.last < EVERY_MS) return;
    this.last = Date.now();
    process.stderr.write(`${text}\n`);
  }

  private line(text: string): void {
    this.end();
    process.stderr.write(`${text}\n`);
  }
}

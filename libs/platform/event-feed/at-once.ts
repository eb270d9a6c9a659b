import { Overloaded } from '#platform/kernel/errors.js';

/** Lets so many run at once; the others wait in the order in which they came, so many of them. */
export class AtOnce {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly most: number,
    private readonly mostWaiting: number,
  ) {}

  /** @throws Overloaded */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.waiting.length >= this.mostWaiting)
      throw new Overloaded('too much of the log is asked for; ask again later');
    if (this.running >= this.most) await new Promise<void>((turn) => this.waiting.push(turn));
    else this.running++;
    try {
      return await work();
    } finally {
      // The place goes to the next, who does not count anew.
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }
}

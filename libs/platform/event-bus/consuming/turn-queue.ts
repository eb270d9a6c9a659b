interface Waiting<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface TurnQueueOptions<T> {
  /** About as much goes into one turn. */
  readonly most: number;
  readonly sizeOf: (item: T) => number;
}

/** One piece of work at a time: what is added while a turn is under way goes into the next one together. */
export class TurnQueue<T> {
  private items: Waiting<T>[] = [];
  private asides: (() => Promise<void>)[] = [];
  private working: Promise<void> | undefined;
  private closed: { readonly why: unknown } | undefined;

  constructor(
    private readonly turn: (items: readonly T[]) => Promise<void>,
    private readonly options: TurnQueueOptions<T>,
  ) {}

  /** Resolves when a turn has taken it. */
  add(item: T): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(this.closed.why);
      this.items.push({ item, resolve, reject });
      this.drain();
    });
  }

  /** Runs work before the next turn. */
  run<R>(work: () => Promise<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(this.closed.why);
      this.asides.push(() => work().then(resolve, reject));
      this.drain();
    });
  }

  /** Refuses what still waits. Resolves when what is under way has ended. */
  async close(why: unknown): Promise<void> {
    this.closed = { why };
    for (const { reject } of this.items.splice(0)) reject(why);
    await this.working;
  }

  private drain(): void {
    this.working ??= this.work().finally(() => {
      this.working = undefined;
      if (this.items.length + this.asides.length > 0) this.drain();
    });
  }

  private async work(): Promise<void> {
    while (this.items.length + this.asides.length > 0) {
      const aside = this.asides.shift();
      if (aside) {
        await aside();
        continue;
      }
      const taken = this.next();
      try {
        await this.turn(taken.map(({ item }) => item));
        for (const { resolve } of taken) resolve();
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
    }
  }

  private next(): Waiting<T>[] {
    const taken: Waiting<T>[] = [];
    for (let size = 0; this.items.length > 0 && size < this.options.most;) {
      const each = this.items.shift()!;
      size += this.options.sizeOf(each.item);
      taken.push(each);
    }
    return taken;
  }
}

/** How what is gathered goes out. */
export interface GatheringOptions {
  /** Items in one call at most. */
  readonly size: number;
  /** Calls under way at once at most. */
  readonly atOnce?: number;
}

/** Fewer do not take a further call beside one that is under way: gathered, they cost less. */
const WORTH_A_CALL = 16;

/**
 * Gathers what many commands ask for at the same time into few calls, in the order in which they asked. Nothing waits
 * for a timer: a call goes out after the I/O of this turn of the event loop, and what is asked meanwhile goes together
 * in the next.
 */
export class GatheredCalls<Item> {
  private waiting: Item[] = [];
  private underWay = 0;
  private scheduled = false;

  /** @param call must not reject: it tells each item what became of it */
  constructor(
    private readonly call: (items: Item[]) => Promise<void>,
    private readonly options: GatheringOptions,
  ) {}

  add(item: Item): void {
    this.waiting.push(item);
    this.schedule();
  }

  private get mayGo(): boolean {
    const { underWay, waiting } = this;
    if (underWay === 0) return waiting.length > 0;
    return underWay < (this.options.atOnce ?? 1) && waiting.length >= WORTH_A_CALL;
  }

  private schedule(): void {
    if (this.scheduled || !this.mayGo) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      if (this.mayGo) void this.go();
      this.schedule();
    });
  }

  private async go(): Promise<void> {
    const { size, atOnce = 1 } = this.options;
    const { length } = this.waiting;
    // With two calls free, half now and half for the other: then they overlap instead of alternating.
    const fair = atOnce > 1 && this.underWay === 0 && length >= WORTH_A_CALL ? Math.ceil(length / 2) : length;
    const items = this.waiting.splice(0, Math.min(size, fair));
    this.underWay++;
    await this.call(items);
    this.underWay--;
    this.schedule();
  }
}

interface Asked<Key, Value> {
  readonly key: Key;
  readonly resolve: (value: Value | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Looks keys up for many commands in one call. A look-up begins after it was asked for: it tells nothing of before. */
export class GatheredLookup<Key, Value> {
  private readonly calls: GatheredCalls<Asked<Key, Value>>;

  /** @param look for many keys at once; what it leaves out is not there */
  constructor(look: (keys: Key[]) => Promise<ReadonlyMap<Key, Value>>) {
    const call = async (asked: Asked<Key, Value>[]): Promise<void> => {
      try {
        const found = await look([...new Set(asked.map(({ key }) => key))]);
        for (const { key, resolve } of asked) resolve(found.get(key));
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    };
    this.calls = new GatheredCalls(call, { size: 1000 });
  }

  /** The value of a key, if it has one. */
  find(key: Key): Promise<Value | undefined> {
    return new Promise((resolve, reject) => this.calls.add({ key, resolve, reject }));
  }
}

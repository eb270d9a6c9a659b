/** So many natural keys, and ended groups, an import remembers: what comes back later still, the server knows. */
export const REMEMBERED = 250_000;

/**
 * A map that forgets its oldest entries beyond a number, so that an import's memory does not grow with its file. Entries
 * that are not settled yet stay, whatever their age: those who hold them bound them.
 */
export class RecentKeys<Value> {
  private readonly entries = new Map<string, Value>();

  constructor(
    private readonly most: number,
    private readonly isSettled: (value: Value) => boolean = () => true,
  ) {}

  get size(): number {
    return this.entries.size;
  }

  get(key: string): Value | undefined {
    return this.entries.get(key);
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  /** Remembers a key as the newest. */
  set(key: string, value: Value): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    // Those that are not settled go behind the others: each is walked over once in as many calls as are remembered.
    for (let looks = this.entries.size; looks > 0 && this.entries.size > this.most; looks--) {
      const [oldest, held] = this.entries.entries().next().value!;
      this.entries.delete(oldest);
      if (oldest === key || !this.isSettled(held)) this.entries.set(oldest, held);
    }
  }
}

/** So many natural keys, and ended groups, an import remembers: what comes back later still, the server knows. */
export const REMEMBERED = 250_000;

/**
 * A map that forgets its oldest entries beyond a number, so that an import's memory does not grow with its file. Entries
 * that are not settled yet stay, whatever their age: those who hold them bound them.
 */
export class RecentKeys<Value> {
  private readonly entries = new Map<string, Value>();
  private oldest = this.entries.keys();

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

  /** Forgets a key. */
  delete(key: string): void {
    this.entries.delete(key);
  }

  /** Remembers a key as the newest. */
  set(key: string, value: Value): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    // Those that are not settled go behind the others: each is walked over once in as many calls as are remembered.
    for (let looks = this.entries.size; looks > 0 && this.entries.size > this.most; looks--) {
      const oldest = this.nextOldest();
      const held = this.entries.get(oldest)!;
      this.entries.delete(oldest);
      if (oldest === key || !this.isSettled(held)) this.entries.set(oldest, held);
    }
  }

  /** All before it were forgotten, or put behind: one iterator walks on, as a new one would pass all that was deleted. */
  private nextOldest(): string {
    for (;;) {
      const { done, value } = this.oldest.next();
      if (!done) return value;
      this.oldest = this.entries.keys();
    }
  }
}

import { hkdfSync } from 'node:crypto';
import type { CursorKeys } from './cursor-keys.js';

/** Keys are read again at most once in this time, however many texts under unknown keys come. */
const READ_AGAIN_MS = 1000;

/** What one secret gives for a use: keys that tell nothing of each other, nor of it. */
export interface DerivedKey<Part extends string> {
  readonly id: number;
  readonly parts: Readonly<Record<Part, Buffer>>;
}

/** Keys for one use, derived from the secrets that all processes share which serve the same queries. */
export class DerivedKeys<Part extends string> {
  private keys: Promise<readonly DerivedKey<Part>[]> | undefined;
  private readAt = 0;

  /** @param use what they are for; with a part's name, the info of HKDF */
  constructor(
    private readonly source: CursorKeys,
    private readonly use: string,
    private readonly parts: readonly Part[],
  ) {}

  /** The newest: new texts are made with it. */
  async newest(): Promise<DerivedKey<Part>> {
    return (await this.all())[0]!;
  }

  /** A key by its id. One that is not known may have been added by now. */
  async byId(id: number): Promise<DerivedKey<Part> | undefined> {
    const known = (await this.all()).find((key) => key.id === id);
    if (known || performance.now() - this.readAt < READ_AGAIN_MS) return known;
    this.keys = undefined;
    return (await this.all()).find((key) => key.id === id);
  }

  /** The newest first. */
  private all(): Promise<readonly DerivedKey<Part>[]> {
    if (!this.keys) {
      this.readAt = performance.now();
      const reading = this.source
        .read()
        .then((keys) =>
          keys.map(({ id, secret }) => ({ id, parts: this.derived(secret) })).toSorted((a, b) => b.id - a.id),
        );
      this.keys = reading;
      reading.catch(() => {
        if (this.keys === reading) this.keys = undefined;
      });
    }
    return this.keys;
  }

  private derived(secret: Buffer): Record<Part, Buffer> {
    const of = (part: Part): Buffer => Buffer.from(hkdfSync('sha256', secret, '', `${this.use} ${part}`, 32));
    return Object.fromEntries(this.parts.map((part) => [part, of(part)])) as Record<Part, Buffer>;
  }
}

const MORE = 0x80;

/** Writes values one after the other, each in as few bytes as it takes. */
export class ByteWriter {
  private readonly parts: number[] = [];

  /** A whole number from 0 to 2^53 - 1, in groups of seven bits, the lowest first. */
  number(value: number): void {
    for (; value >= MORE; value = Math.floor(value / MORE)) this.parts.push((value % MORE) | MORE);
    this.parts.push(value);
  }

  /** A signed number of up to 64 bits: those near 0 are short, of either sign. */
  bigint(value: bigint): void {
    let left = value >= 0n ? value << 1n : (-value << 1n) - 1n;
    for (; left >= 0x80n; left >>= 7n) this.parts.push(Number(left & 0x7fn) | MORE);
    this.parts.push(Number(left));
  }

  text(value: string): void {
    const bytes = Buffer.from(value, 'utf8');
    this.number(bytes.length);
    this.parts.push(...bytes);
  }

  uuid(value: string): void {
    this.parts.push(...Buffer.from(value.replaceAll('-', ''), 'hex'));
  }

  bytes(): Buffer {
    return Buffer.from(this.parts);
  }
}

/** Reads what a `ByteWriter` wrote. @throws RangeError where the bytes end too early */
export class ByteReader {
  private at = 0;

  constructor(private readonly from: Buffer) {}

  number(): number {
    const value = this.groups();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError('the number is too large');
    return Number(value);
  }

  bigint(): bigint {
    const value = this.groups();
    return (value & 1n) === 0n ? value >> 1n : -((value + 1n) >> 1n);
  }

  text(): string {
    return this.take(this.number()).toString('utf8');
  }

  uuid(): string {
    const hex = this.take(16).toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }

  private groups(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const [byte] = this.take(1);
      value |= BigInt(byte! & 0x7f) << shift;
      if (byte! < MORE) return value;
    }
    throw new RangeError('the number has no end');
  }

  private take(bytes: number): Buffer {
    if (this.at + bytes > this.from.length) throw new RangeError('the bytes end too early');
    return this.from.subarray(this.at, (this.at += bytes));
  }
}

import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { stringifyCells } from './cells.js';
import type { BrokenRow } from './csv-source.js';
import type { SourceLine } from './mapping.js';

/** The file of refused rows: line, reason, and the row as it was. Made with the first of them. */
export class RefusedRows {
  private file: number | undefined;
  private readonly told = new Set<number>();
  /** The lowest line of them. */
  first = Infinity;

  constructor(
    private readonly path: string,
    private readonly columns: readonly string[],
  ) {
    // What an earlier import left there says nothing of this one.
    rmSync(path, { force: true });
  }

  get count(): number {
    return this.told.size;
  }

  rows(rows: readonly SourceLine[], reason: string): void {
    for (const { number, cells } of rows)
      this.write(
        number,
        reason,
        this.columns.map((name) => cells[name] ?? ''),
      );
  }

  broken({ number, reason, raw }: BrokenRow): void {
    this.write(number, reason, [raw.trimEnd()]);
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  private write(number: number, reason: string, cells: readonly string[]): void {
    // A row whose two commands are both refused stands here once.
    if (this.told.has(number)) return;
    this.told.add(number);
    this.first = Math.min(this.first, number);
    // At once, so that nothing is lost when the process is killed, and a full disk stops the import.
    if (this.file === undefined) {
      this.file = openSync(this.path, 'w');
      writeSync(this.file, stringifyCells(['line', 'reason', ...this.columns]));
    }
    writeSync(this.file, stringifyCells([String(number), reason, ...cells]));
  }
}

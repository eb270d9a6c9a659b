import type { BrokenRow } from './csv-source.js';
import { RecentKeys, REMEMBERED } from './recent-keys.js';
import { cellOf, type Mapping, type SourceLine } from './mapping.js';

/** Lines that belong together, in the order of the file. */
export interface Group {
  key: string;
  lines: SourceLine[];
  /** The line that is, or may be, one of these and cannot be read: what the others say is not the whole. */
  broken?: number;
}

/** Groups with a line that cannot be read, which no later line may complete: so many are kept in mind. */
const MOST_SPOILT = 100_000;

/**
 * Gathers lines into groups by what their cells say, white space around it aside. A group is given out when none of
 * its lines has come for `groupWithin` lines, so memory depends on that and not on the file; a line that comes later
 * still is told to `onLate`. After `remembered` other groups it makes a group of its own, which the server refuses: it
 * has the natural key with other content.
 *
 * An order without one of its lines is a wrong order, and once it is stored the right one is refused for its key. So
 * a line that cannot be read spoils its group; where it does not even tell its group, those of its neighbours.
 */
export class Grouping {
  // In the order of each group's last line: the first is the next to go.
  private readonly open = new Map<string, Group & { last: number }>();
  private readonly done: RecentKeys<true>;
  /** Groups with a broken line, and its number. */
  private readonly spoilt = new Map<string, number>();
  private spoilsNext: number | undefined;
  private previous: (Group & { last: number }) | undefined;
  private count = 0;

  constructor(
    private readonly mapping: Pick<Mapping, 'groupBy' | 'groupWithin'>,
    private readonly onLate: (line: SourceLine) => void,
    remembered = REMEMBERED,
  ) {
    this.done = new RecentKeys(remembered);
  }

  /** Takes a line and gives the groups that it ends. */
  add(line: SourceLine): Group[] {
    this.count++;
    const { groupBy, groupWithin } = this.mapping;
    if (!groupBy) return [{ key: String(line.number), lines: [line] }];
    const key = keyOf(groupBy.map((name) => cellOf(line, name)));
    let group = this.open.get(key);
    if (!group && this.done.has(key)) {
      this.onLate(line);
      return this.take((each) => each.last <= this.count - groupWithin);
    }
    if (group) {
      group.lines.push(line);
      this.open.delete(key);
    } else group = { key, lines: [line], last: this.count, broken: this.spoilt.get(key) };
    group.last = this.count;
    group.broken ??= this.spoilsNext;
    this.spoilsNext = undefined;
    this.open.set(key, group);
    this.previous = group;
    return this.take((each) => each.last <= this.count - groupWithin);
  }

  /**
   * Takes note of a line that cannot be read.
   * @throws Error where there are too many to keep in mind whose groups they spoil
   */
  spoil({ number, readings }: BrokenRow): void {
    this.count++;
    const { groupBy } = this.mapping;
    if (!groupBy) return;
    const found = readings.map((cells) => groupBy.map((name) => cells[name]?.trim()));
    const known = found.filter((cells): cells is string[] => cells.every((cell) => cell && !cell.includes('\ufffd')));
    for (const key of known.map(keyOf)) {
      this.spoilt.set(key, number);
      if (this.spoilt.size > MOST_SPOILT) {
        throw new Error(`line ${number} is one of more than ${MOST_SPOILT} that cannot be read: this is no such file`);
      }
      const group = this.open.get(key);
      if (group) group.broken ??= number;
    }
    if (known.length > 0) return;
    this.spoilsNext = number;
    if (this.previous) this.previous.broken ??= number;
  }

  /** Gives the groups that are still open, at the end of the file. */
  end(): Group[] {
    return this.take(() => true);
  }

  /** Number of the first line that was not given out yet; undefined when all were. */
  firstOpenLine(): number | undefined {
    let first: number | undefined;
    for (const { lines } of this.open.values()) first = Math.min(first ?? Infinity, lines[0]!.number);
    return first;
  }

  private take(ended: (group: Group & { last: number }) => boolean): Group[] {
    const taken: Group[] = [];
    for (const group of this.open.values()) {
      if (!ended(group)) break;
      this.open.delete(group.key);
      this.done.set(group.key, true);
      taken.push(group);
    }
    return taken;
  }
}

/**
 * One text for the cells that make a group. Always a text of its own: a part of the file's would keep the whole piece
 * in memory that it was cut out of.
 */
const keyOf = (cells: readonly string[]): string => JSON.stringify(cells);

import type { Mapping, SourceLine } from './mapping.js';

/** Lines that belong together, in the order of the file. */
export interface Group {
  key: string;
  lines: SourceLine[];
}

/**
 * Gathers lines into groups. A group is given out when none of its lines has come for `groupWithin` lines, so
 * memory depends on that and not on the file; a line that comes later still is told to `onLate`.
 */
export class Grouping {
  // In the order of each group's last line: the first is the next to go.
  private readonly open = new Map<string, Group & { last: number }>();
  private readonly done = new Set<string>();
  private count = 0;

  constructor(
    private readonly mapping: Pick<Mapping, 'groupBy' | 'groupWithin'>,
    private readonly onLate: (line: SourceLine) => void,
  ) {}

  /** Takes a line and gives the groups that it ends. */
  add(line: SourceLine): Group[] {
    this.count++;
    const { groupBy, groupWithin } = this.mapping;
    if (!groupBy) return [{ key: String(line.number), lines: [line] }];
    const key =
      groupBy.length === 1 ? line.cells[groupBy[0]!]! : JSON.stringify(groupBy.map((name) => line.cells[name]));
    const group = this.open.get(key);
    if (group) {
      group.lines.push(line);
      group.last = this.count;
      this.open.delete(key);
      this.open.set(key, group);
    } else if (this.done.has(key)) {
      this.onLate(line);
    } else {
      this.open.set(key, { key, lines: [line], last: this.count });
    }
    return this.take((each) => each.last <= this.count - groupWithin);
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
      this.done.add(group.key);
      taken.push(group);
    }
    return taken;
  }
}

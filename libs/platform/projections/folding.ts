import type { RecordedEvent, StoredEvent } from '#platform/kernel/envelope.js';
import type { DecodedEvents } from './decoded-events.js';
import { changesOf, type Key, type Projection, type RowChange, type TableClass } from './projection.js';
import { TableRows, type Entry } from './row-cache.js';
import type { Row, TableShape } from './table-shape.js';

/** An event that was set aside, to be folded later by hand. */
export interface DeadLetter {
  readonly event: StoredEvent;
  readonly error: string;
  /** False for events that only wait behind a failed one of their subject. */
  readonly cause: boolean;
}

/** Row changes of one table, ready to be written. */
export interface TableWrites {
  readonly shape: TableShape;
  /** New rows, whose keys no other row has. */
  readonly appends: Row[];
  readonly upserts: Row[];
  readonly deletes: Row[];
}

export interface Writes {
  readonly tables: TableWrites[];
  readonly deadLetters: DeadLetter[];
  /** To be called when they are durable. */
  written(): void;
}

/** Reads rows by key from the build; absent ones are left out. */
export type LoadRows = (shape: TableShape, keys: readonly Key[]) => Promise<Row[]>;

interface Step {
  readonly stored: StoredEvent;
  readonly event: RecordedEvent;
  readonly changes: readonly RowChange[];
  readonly rows: TableRows[];
  readonly keys: string[];
  /** Held here, as loading others may push them out of the cache before their turn. */
  readonly entries: (Entry | undefined)[];
}

export interface FoldingOptions {
  readonly projection: Projection;
  readonly shapes: readonly TableShape[];
  readonly decoded: DecodedEvents;
  readonly load: LoadRows;
  /** Subjects with an event set aside: their later events wait behind it. */
  readonly parked: Iterable<string>;
  /** Positions that are left out. */
  readonly discarded: ReadonlySet<bigint>;
  /** Positions whose rows the database refused, and why. */
  readonly poison?: ReadonlyMap<bigint, string>;
  /** Rows held in memory. */
  readonly capacity: number;
  /** The tables are empty. */
  readonly empty?: boolean;
}

type Loaded = Map<TableRows, Map<string, Entry>>;

const MAX_ERROR = 2000;
const WAITING = 'waits behind an earlier event of its subject';

/** Folds events into rows in memory. Events of one subject must come in order, each once. */
export class Folding {
  private readonly tables = new Map<TableClass, TableRows>();
  private readonly parked: Set<string>;
  private deadLetters: DeadLetter[] = [];
  private pendingWrites = 0;

  constructor(private readonly options: FoldingOptions) {
    const capacity = Math.max(1000, options.capacity / options.shapes.length);
    for (const shape of options.shapes) {
      this.tables.set(shape.target, new TableRows(shape, capacity, options.empty ?? false));
    }
    this.parked = new Set(options.parked);
  }

  /** About how many rows wait to be written. */
  get pending(): number {
    return this.pendingWrites;
  }

  /** Rejects only when rows cannot be loaded; an event that cannot be folded is set aside. */
  async fold(events: readonly StoredEvent[]): Promise<void> {
    const steps: Step[] = [];
    const missing = new Map<TableRows, Map<string, Key>>();
    for (const stored of events) {
      const step = this.prepare(stored, missing);
      if (step) steps.push(step);
    }
    const loaded = missing.size > 0 ? await this.load(missing) : undefined;
    // Set aside in `prepare`, a later event must not keep earlier ones of its subject from being folded.
    const failed = new Set<string>();
    for (const step of steps) {
      const { subject } = step.stored;
      if (failed.size > 0 && failed.has(subject)) {
        this.park(step.stored, WAITING, false);
        continue;
      }
      try {
        this.apply(step, loaded);
      } catch (error) {
        failed.add(subject);
        this.park(step.stored, messageOf(error), true);
      }
    }
    this.pendingWrites = this.deadLetters.length;
    for (const rows of this.tables.values()) this.pendingWrites += rows.pending;
  }

  /** What has changed since the last call. At most one set of writes is under way at a time. */
  take(): Writes {
    const tables: TableWrites[] = [];
    const settled: [Entry, Row | null][] = [];
    for (const rows of this.tables.values()) {
      if (rows.pending === 0) continue;
      const { appended, changed } = rows.take();
      const writes: TableWrites = { shape: rows.shape, appends: appended, upserts: [], deletes: [] };
      for (const entry of changed.values()) {
        const { row, saved } = entry;
        if (row ? saved && rows.shape.equal(row, saved) : !saved) continue;
        if (row) writes.upserts.push(row);
        else writes.deletes.push(saved!);
        settled.push([entry, row]);
      }
      if (appended.length + writes.upserts.length + writes.deletes.length > 0) tables.push(writes);
    }
    const { deadLetters } = this;
    this.deadLetters = [];
    this.pendingWrites = 0;
    const written = (): void => {
      for (const [entry, row] of settled) entry.saved = row;
      for (const rows of this.tables.values()) rows.written();
    };
    return { tables, deadLetters, written };
  }

  private prepare(stored: StoredEvent, missing: Map<TableRows, Map<string, Key>>): Step | undefined {
    const { projection, discarded, poison, decoded } = this.options;
    if (!projection.any && !projection.handlers.has(stored.type)) return undefined;
    if (discarded.size > 0 && discarded.has(stored.position)) return undefined;
    if (this.parked.size > 0 && this.parked.has(stored.subject)) {
      this.park(stored, WAITING, false);
      return undefined;
    }
    try {
      const refused = poison?.get(stored.position);
      if (refused !== undefined) throw new Error(refused);
      const event = decoded.of(stored);
      const changes = changesOf(projection, event);
      if (changes.length === 0) return undefined;
      const step: Step = { stored, event, changes, rows: [], keys: [], entries: [] };
      for (const change of changes) this.locate(change, step, missing);
      return step;
    } catch (error) {
      this.park(stored, messageOf(error), true);
      return undefined;
    }
  }

  private locate(change: RowChange, step: Step, missing: Map<TableRows, Map<string, Key>>): void {
    const rows = this.tables.get(change.table);
    if (!rows) throw new Error(`${this.options.projection.name} does not list the table ${change.table.name}`);
    step.rows.push(rows);
    if (change.fresh) {
      // No row has an appended one's key: it need not be looked for.
      step.keys.push('');
      step.entries.push(undefined);
      return;
    }
    const key = rows.shape.keyText(change.key);
    step.keys.push(key);
    step.entries.push(rows.get(key));
    if (!rows.mustLoad(key)) return;
    const keys = missing.get(rows);
    if (keys) keys.set(key, change.key);
    else missing.set(rows, new Map([[key, change.key]]));
  }

  private async load(missing: Map<TableRows, Map<string, Key>>): Promise<Loaded> {
    const loaded: Loaded = new Map();
    const loads = [...missing].map(async ([rows, keys]) => {
      const { shape } = rows;
      const found = new Map<string, Row>();
      const entries = new Map<string, Entry>();
      loaded.set(rows, entries);
      for (const row of await this.options.load(shape, [...keys.values()])) found.set(shape.keyText(row as Key), row);
      for (const [key, value] of keys) {
        const row = found.get(key) ?? null;
        const entry = { key: value, row, saved: row };
        entries.set(key, entry);
        rows.keep(key, entry);
      }
    });
    await Promise.all(loads);
    return loaded;
  }

  /** All changes of an event, or none. */
  private apply({ changes, rows, keys, entries }: Step, loaded: Loaded | undefined): void {
    const done: [Entry, Row | null][] = [];
    const appended: TableRows[] = [];
    try {
      for (let i = 0; i < changes.length; i++) {
        const change = changes[i]!;
        const table = rows[i]!;
        if (change.fresh) {
          table.append(table.shape.row(change.fold(undefined)!, change.key, null, true));
          appended.push(table);
          continue;
        }
        const key = keys[i]!;
        const held = entries[i] ?? loaded?.get(table)?.get(key) ?? table.get(key);
        const entry = held ?? { key: change.key, row: null, saved: null };
        const before = entry.row;
        const folded = change.fold(before ?? undefined);
        // Nothing came of it: many events only look.
        if (folded === before) continue;
        const row = folded === null ? null : table.shape.row(folded, change.key, before);
        done.push([entry, before]);
        entry.row = row;
        table.dirty.set(key, entry);
        if (before === null) table.keep(key, entry);
      }
    } catch (error) {
      for (const [entry, before] of done.toReversed()) entry.row = before;
      for (const table of appended) table.appended.pop();
      throw error;
    }
  }

  private park(event: StoredEvent, error: string, cause: boolean): void {
    this.parked.add(event.subject);
    this.deadLetters.push({ event, error: error.slice(0, MAX_ERROR), cause });
  }
}

/** An error's message for the record, without characters that the database does not take. */
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll('\u0000', '');

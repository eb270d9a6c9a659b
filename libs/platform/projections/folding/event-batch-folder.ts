import type { StoredEvent } from '#platform/kernel/envelope.js';
import { envelopeOf, type DecodedEvents } from './decoded-events.js';
import { DerivedWrites } from './derived-rows.js';
import { Pass, type Step } from './fold-pass.js';
import { Parking, type Parked } from './parking.js';
import type { TableWrites, UnknownEvent, Writes } from './writes.js';
import { changesOf, checkKind, type Projection } from '../definition/projection.js';
import type { Key, RowChange, Table } from '../definition/table.js';
import { charactersOf } from '#platform/kernel/sizes.js';
import { TableRows, weightOf, type Ages, type Entry } from './row-cache.js';
import type { Row, TableShape } from '../tables/table-shape.js';

/** Reads rows by key from the build; absent ones are left out. */
export type LoadRows = (shape: TableShape, keys: readonly Key[]) => Promise<Row[]>;

export interface EventBatchFolderOptions {
  readonly projection: Projection;
  readonly shapes: readonly TableShape[];
  readonly decoded: DecodedEvents;
  readonly load: LoadRows;
  /** What is set aside already. */
  readonly parked: Parked;
  /** Positions that are left out. */
  readonly discarded: ReadonlySet<bigint>;
  /** Positions whose rows the database refused, and why. */
  readonly poison?: ReadonlyMap<bigint, string>;
  /** Bounds the rows that are held in memory, with those of others. */
  readonly ages: Ages;
  /** The tables are empty. */
  readonly empty?: boolean;
  /** Many rows are folded between two writes: new ones are made ready for COPY as they come. */
  readonly bulk?: boolean;
}

type Loaded = Map<TableRows, Map<string, Entry>>;

/** Characters of an event from which on the rows that it changes are weighed. */
const LARGE = 4096;
/** Of other changes one in so many has its row weighed: that costs as much as the fold. */
const WEIGH_EVERY = 64;
/** Folds events into rows in memory. Events of one subject must come in order, each once. */
export class EventBatchFolder {
  private readonly tables = new Map<Table, TableRows>();
  private readonly derived = new Map<Table, DerivedWrites[]>();
  private readonly parking: Parking;
  private readonly unknown = new Map<string, UnknownEvent>();
  private pendingWrites = 0;
  private changed = 0;
  private readonly pass = new Pass();
  private readonly undo: { entries: Entry[]; rows: (Row | null)[]; appended: TableRows[] } = {
    entries: [],
    rows: [],
    appended: [],
  };

  constructor(private readonly options: EventBatchFolderOptions) {
    for (const shape of options.shapes) {
      const { source } = shape.target;
      if (source) {
        const writes = new DerivedWrites(shape, source, options.bulk ?? false);
        this.derived.set(source.table, [...(this.derived.get(source.table) ?? []), writes]);
        continue;
      }
      this.tables.set(shape.target, new TableRows(shape, options.ages, options.empty ?? false));
    }
    this.parking = new Parking(options.projection, options.parked);
  }

  /** Lets go of all rows: another takes its place. */
  close(): void {
    for (const rows of this.tables.values()) rows.leave();
  }

  /** About how many rows wait to be written; those that are ready for COPY weigh little. */
  get pending(): number {
    return this.pendingWrites;
  }

  /**
   * An event that cannot be folded is set aside.
   * @throws ParkingFull when too many are; the database's error when rows cannot be loaded
   */
  async fold(events: readonly StoredEvent[]): Promise<void> {
    const preparing = this.options.decoded.prepare(events);
    if (preparing) await preparing;
    const steps: Step[] = [];
    const missing = new Map<TableRows, Map<string, Key>>();
    this.pass.cut(0);
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
        this.parking.wait(step.stored);
        continue;
      }
      try {
        this.apply(step, loaded);
      } catch (error) {
        failed.add(subject);
        this.parking.fail(step.stored, error);
      }
    }
    this.pass.cut(0);
    this.pendingWrites = this.parking.pending;
    for (const rows of this.tables.values()) {
      if (this.options.bulk) rows.copyAppended();
      this.pendingWrites += rows.pending;
    }
  }

  /** What has changed since the last call. At most one set of writes is under way at a time. */
  take(): Writes {
    const tables: TableWrites[] = [];
    const settled: [Entry, Row | null][] = [];
    for (const rows of this.tables.values()) {
      if (rows.pending === 0) continue;
      const { shape } = rows;
      const { appended, changed } = rows.take();
      const derived = this.derived.get(shape.target);
      const upserts: Row[] = [];
      const deletes: Row[] = [];
      for (const entry of changed.values()) {
        const { row, saved } = entry;
        if (row ? saved && shape.equal(row, saved) : !saved) continue;
        settled.push([entry, row]);
        if (derived) for (const writes of derived) writes.move(saved, row);
        if (!row) deletes.push(saved!);
        else if (saved || !this.options.bulk) upserts.push(row);
        // There was none when it was looked for, and whoever else had made one would have moved the checkpoint.
        else rows.copy(row);
      }
      const copied = rows.takeCopied();
      if (appended.length + copied.length + upserts.length + deletes.length > 0) {
        tables.push({ shape, appends: appended, copied, upserts, deletes });
      }
    }
    for (const derived of this.derived.values()) {
      for (const writes of derived) {
        const taken = writes.take();
        if (taken) tables.push(taken);
      }
    }
    const deadLetters = this.parking.take();
    const unknown = [...this.unknown.values()];
    this.unknown.clear();
    this.pendingWrites = 0;
    const written = (): void => {
      for (const [entry, row] of settled) entry.saved = row;
      for (const rows of this.tables.values()) rows.written();
    };
    return { tables, deadLetters, unknown, written };
  }

  private prepare(stored: StoredEvent, missing: Map<TableRows, Map<string, Key>>): Step | undefined {
    const { projection, discarded, poison } = this.options;
    if (!projection.any && !projection.handlers.has(stored.type)) return undefined;
    if (discarded.size > 0 && discarded.has(stored.position)) return undefined;
    if (this.parking.holds(stored.subject)) {
      this.parking.wait(stored);
      return undefined;
    }
    const from = this.pass.length;
    try {
      const refused = poison?.get(stored.position);
      if (refused !== undefined) throw new Error(refused);
      for (const change of this.changes(stored)) this.locate(change, missing);
      const to = this.pass.length;
      return to > from ? { stored, from, to } : undefined;
    } catch (error) {
      this.pass.cut(from);
      this.parking.fail(stored, error);
      return undefined;
    }
  }

  private changes(stored: StoredEvent): readonly RowChange[] {
    const { projection, decoded } = this.options;
    const { type, schemaVersion: version, position } = stored;
    if (!projection.any || projection.handlers.has(type)) return changesOf(projection, decoded.of(stored));
    const known = decoded.known(stored);
    if (known) return changesOf(projection, known);
    const key = `${type} ${version}`;
    if (!this.unknown.has(key)) this.unknown.set(key, { type, version, position });
    return changesOf(projection, envelopeOf(stored));
  }

  private locate(change: RowChange, missing: Map<TableRows, Map<string, Key>>): void {
    const rows = this.tables.get(change.table);
    if (change.table.source)
      throw new Error(`${change.table.name} is derived from ${change.table.source.table.name}: change that`);
    if (!rows) throw new Error(`${this.options.projection.name} does not list the table ${change.table.name}`);
    const { shape } = rows;
    checkKind(change, shape.appendOnly);
    // No row has an appended one's key: it need not be looked for.
    if (change.fresh) return this.pass.add(change, rows, '', undefined);
    const key = shape.keyText(change.key);
    const entry = rows.get(key);
    this.pass.add(change, rows, key, entry);
    if (entry || rows.isComplete) return;
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
        const entry = { key: value, row, saved: row, weight: weightOf(shape, row) };
        entries.set(key, entry);
        rows.keep(key, entry);
      }
    });
    await Promise.all(loads);
    return loaded;
  }

  /** All changes of an event, or none. */
  private apply({ stored, from, to }: Step, loaded: Loaded | undefined): void {
    const { changes, rows, keys, entries } = this.pass;
    const { undo } = this;
    undo.entries.length = undo.rows.length = undo.appended.length = 0;
    const isLarge = charactersOf(stored) >= LARGE;
    try {
      for (let i = from; i < to; i++) {
        const change = changes[i]!;
        const table = rows[i]!;
        if (change.fresh) {
          const row = table.shape.row(change.fold(undefined)!, change.key, null, true);
          table.appended.push(row);
          undo.appended.push(table);
          if (isLarge) table.weighAppended(row);
          continue;
        }
        const key = keys[i]!;
        const held = entries[i] ?? loaded?.get(table)?.get(key) ?? table.get(key);
        const entry = held ?? { key: change.key, row: null, saved: null, weight: 1 };
        const before = entry.row;
        const folded = change.fold(before ?? undefined);
        // Nothing came of it: many events only look.
        if (folded === before) continue;
        const row = folded === null ? null : table.shape.row(folded, change.key, before);
        undo.entries.push(entry);
        undo.rows.push(before);
        entry.row = row;
        table.dirty.set(key, entry);
        if (before === null) table.keep(key, entry);
        // Rows that small events make large, one after the other, are found by and by.
        if (isLarge || ++this.changed % WEIGH_EVERY === 0) table.weigh(key, entry);
      }
    } catch (error) {
      for (let i = undo.entries.length - 1; i >= 0; i--) undo.entries[i]!.row = undo.rows[i]!;
      for (const table of undo.appended) table.appended.pop();
      throw error;
    }
  }
}

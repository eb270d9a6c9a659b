import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { DecodedEvents } from './decoded-events.js';
import {
  changesOf,
  checkKind,
  type Key,
  type Projection,
  type RowChange,
  type TableClass,
} from '../definition/projection.js';
import { charactersOf } from '#platform/kernel/sizes.js';
import { Ages, TableRows, weightOf, type Entry } from './row-cache.js';
import type { Row, TableShape } from '../tables/table-shape.js';

/** An event that was set aside, to be folded later by hand. */
export interface DeadLetter {
  readonly event: Pick<StoredEvent, 'position' | 'subject' | 'id' | 'type'>;
  readonly error: string;
  /** False for events that only wait behind a failed one of their subject. */
  readonly cause: boolean;
}

/** Row changes of one table, ready to be written. */
export interface TableWrites {
  readonly shape: TableShape;
  /** New rows, whose keys no other row has. */
  readonly appends: Row[];
  /** The same, for COPY. */
  readonly copied: Buffer[];
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

/** An event and its changes: a stretch of the pass. */
interface Step {
  readonly stored: StoredEvent;
  readonly from: number;
  readonly to: number;
}

/** The row changes of the events of one `fold`, side by side; arrays that are used again, as rebuilds make millions. */
class Pass {
  readonly changes: RowChange[] = [];
  readonly rows: TableRows[] = [];
  readonly keys: string[] = [];
  /** Held here, as loading others may push them out of the cache before their turn. */
  readonly entries: (Entry | undefined)[] = [];

  get length(): number {
    return this.changes.length;
  }

  add(change: RowChange, rows: TableRows, key: string, entry: Entry | undefined): void {
    this.changes.push(change);
    this.rows.push(rows);
    this.keys.push(key);
    this.entries.push(entry);
  }

  cut(length: number): void {
    this.changes.length = this.rows.length = this.keys.length = this.entries.length = length;
  }
}

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
  /** Rows held in memory, over all tables. */
  readonly capacity: number;
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
const MAX_ERROR = 2000;
const WAITING = 'waits behind an earlier event of its subject';

/** What is set aside in a build. */
export interface Parked {
  /** Subjects with an event set aside: their later events wait behind it. */
  readonly subjects: Iterable<string>;
  readonly events: number;
  readonly bytes: number;
}

/** About the bytes that an event takes in the table of dead letters, beside its texts. */
export const LETTER_BYTES = 120;

/** So much is set aside that the projection stops. Nothing of what was folded last is kept. */
export class ParkingFull extends Error {
  constructor({ name, parkAtMost }: Projection, cause: string) {
    super(
      `${name} stops: it has set aside as much as it may (${parkAtMost.events} events, ${parkAtMost.bytes} bytes), ` +
        `and the next event fails too (${cause}). Mend the projection, then retry or discard: yad dead-letters list ${name}`,
    );
    this.name = 'ParkingFull';
  }
}

/** Folds events into rows in memory. Events of one subject must come in order, each once. */
export class EventBatchFolder {
  private readonly tables = new Map<TableClass, TableRows>();
  private readonly parked: Set<string>;
  private parkedEvents: number;
  private parkedBytes: number;
  private deadLetters: DeadLetter[] = [];
  private pendingWrites = 0;
  private changed = 0;
  private readonly pass = new Pass();
  private readonly undo: { entries: Entry[]; rows: (Row | null)[]; appended: TableRows[] } = {
    entries: [],
    rows: [],
    appended: [],
  };

  constructor(private readonly options: EventBatchFolderOptions) {
    const ages = new Ages(options.capacity);
    for (const shape of options.shapes) {
      this.tables.set(shape.target, new TableRows(shape, ages, options.empty ?? false));
    }
    this.parked = new Set(options.parked.subjects);
    this.parkedEvents = options.parked.events;
    this.parkedBytes = options.parked.bytes;
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
    this.pass.cut(0);
    this.pendingWrites = this.deadLetters.length;
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
      const upserts: Row[] = [];
      const deletes: Row[] = [];
      for (const entry of changed.values()) {
        const { row, saved } = entry;
        if (row ? saved && shape.equal(row, saved) : !saved) continue;
        settled.push([entry, row]);
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
    const from = this.pass.length;
    try {
      const refused = poison?.get(stored.position);
      if (refused !== undefined) throw new Error(refused);
      for (const change of changesOf(projection, decoded.of(stored))) this.locate(change, missing);
      const to = this.pass.length;
      return to > from ? { stored, from, to } : undefined;
    } catch (error) {
      this.pass.cut(from);
      this.park(stored, messageOf(error), true);
      return undefined;
    }
  }

  private locate(change: RowChange, missing: Map<TableRows, Map<string, Key>>): void {
    const rows = this.tables.get(change.table);
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

  private park(event: StoredEvent, error: string, cause: boolean): void {
    const { projection } = this.options;
    const told = error.slice(0, MAX_ERROR);
    this.parkedEvents++;
    this.parkedBytes +=
      LETTER_BYTES + Buffer.byteLength(told) + event.subject.length + event.id.length + event.type.length;
    const { events, bytes } = projection.parkAtMost;
    if (this.parkedEvents > events || this.parkedBytes > bytes) throw new ParkingFull(projection, told);
    this.parked.add(event.subject);
    // Without its data, which may be megabytes: the log has it.
    const { position, subject, id, type } = event;
    this.deadLetters.push({ event: { position, subject, id, type }, error: told, cause });
  }
}

/** An error's message for the record, without characters that the database does not take. */
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll('\u0000', '');

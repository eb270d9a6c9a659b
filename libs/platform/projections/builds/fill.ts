import { max, min, select, type Log } from '#platform/event-bus/consuming/log-reading.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { EventPage } from '#platform/event-store/event-store.js';
import { catchUp } from './catch-up.js';
import type { BuildWriter } from '../running/build-writer.js';
import type { NewerEvent } from '#platform/event-bus/consuming/pauses.js';
import { isDataError } from '../running/writer-errors.js';

/** A build to fill, and how far each of its partitions. */
export interface FillTarget {
  readonly writer: BuildWriter;
  readonly targets: ReadonlyMap<number, bigint>;
}

export interface FillProgress {
  /** The log has been read up to here. */
  readonly position: bigint;
  readonly target: bigint;
  readonly eventsPerSecond: number;
  readonly secondsLeft: number;
}

export interface FillOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FillProgress) => void;
  /** Shown each page of the log that is read, in order, and behind which position the pass began. */
  readonly onPage?: (page: readonly StoredEvent[], began: bigint) => void;
  /** Events in one read. */
  readonly pageSize?: number;
  /** Reads under way ahead of the fold. */
  readonly readAhead?: number;
  /** Changed rows held in memory before they are written. */
  readonly flushRows?: number;
}

/** Events decoded at a time: few enough that they are garbage before the collector would have to move them. */
const SLICE = 250;
/** Bytes of the events in one read, about: several reads are under way, and their events become objects and rows. */
const RANGE_BYTES = 4 * 1024 * 1024;

/**
 * Fills builds from ONE pass over the log: ranges are read in parallel, each event is decoded once and folded in
 * order, rows stay in memory and are written in bulk while the fold goes on. Checkpoints move with the rows, so a
 * fill that is stopped goes on where it was.
 * @returns the builds that stopped before an event which newer code is to handle, and why
 * @throws the signal's reason; StaleWriter when somebody else writes to one of the builds
 */
export async function fill(
  log: Log,
  targets: readonly FillTarget[],
  options: FillOptions = {},
): Promise<Map<BuildWriter, NewerEvent>> {
  const { signal, onProgress, onPage, pageSize = 500, readAhead = 3, flushRows = 30_000 } = options;
  const fillers = targets.map((target) => new BuildFiller(target, log, flushRows));
  const first = min(fillers.map((filler) => filler.start));
  const last = max(targets.flatMap(({ targets }) => [...targets.values()]));
  const began = Date.now();
  try {
    for await (const page of pages(log, first, last, pageSize, readAhead)) {
      if (signal?.aborted) break;
      onPage?.(page, first);
      for (let at = 0; at < page.length; at += SLICE) {
        const slice = page.slice(at, at + SLICE);
        for (const filler of fillers) if (!filler.stopped) await filler.take(slice);
        for (const { writer } of targets) writer.decoded.forget(slice);
      }
      const position = page.at(-1)!.position;
      const eventsPerSecond = (Math.max(1, Number(position - first)) * 1000) / Math.max(1, Date.now() - began);
      onProgress?.({ position, target: last, eventsPerSecond, secondsLeft: Number(last - position) / eventsPerSecond });
    }
  } catch (error) {
    for (const filler of fillers) await filler.settled();
    throw error;
  }
  // Also when stopped: what was folded is not thrown away.
  for (const filler of fillers) await filler.finish(signal?.aborted !== true);
  signal?.throwIfAborted();
  return new Map(fillers.flatMap(({ writer, stopped }) => (stopped ? [[writer, stopped] as const] : [])));
}

function pages(log: Log, first: bigint, last: bigint, limit: number, readAhead: number): AsyncGenerator<StoredEvent[]> {
  const isSparse = log.store.identity.positions === 'sparse';
  return isSparse ? pagesInTurn(log, first, last, limit) : pagesAhead(log, first, last, limit, readAhead);
}

/** Of a log whose positions do not tell how many events lie between them: each page tells where the next begins. */
async function* pagesInTurn({ store }: Log, first: bigint, last: bigint, limit: number): AsyncGenerator<StoredEvent[]> {
  const readAfter = (after: bigint): Promise<EventPage> | undefined => {
    if (after >= last) return undefined;
    const read = store.readAll({ after, through: last, limit, bytes: RANGE_BYTES });
    // Handled where it is awaited; a stopped fill must not leave a rejection behind.
    read.catch(() => {});
    return read;
  };
  let reading = readAfter(first);
  while (reading) {
    const page = await reading;
    if (page.length === 0) {
      if ((await store.head()).position >= last) return;
      throw new Error(`the store ends before ${last}, up to which it is to be read`);
    }
    // Read while this one is folded.
    reading = readAfter(page.at(-1)!.position);
    yield page;
  }
}

async function* pagesAhead(
  { store }: Log,
  first: bigint,
  last: bigint,
  pageSize: number,
  readAhead: number,
): AsyncGenerator<StoredEvent[]> {
  // Ranges are cut without looking; one in which the log has a hole comes back short, or empty.
  const ahead: { through: bigint; read: Promise<EventPage> }[] = [];
  let next = first;
  const readNext = (): void => {
    if (next >= last) return;
    const after = next;
    const bound = after + BigInt(pageSize);
    const through = bound < last ? bound : last;
    const read = store.readAll({ after, through, limit: pageSize, bytes: RANGE_BYTES });
    // Handled where it is awaited; a stopped fill must not leave a rejection behind.
    read.catch(() => {});
    ahead.push({ through, read });
    next = through;
  };
  for (let i = 0; i < readAhead; i++) readNext();
  while (ahead.length > 0) {
    const { through, read } = ahead.shift()!;
    let page = await read;
    readNext();
    if (page.length > 0) yield page;
    else {
      // At a new incarnation the hole is far wider than a range: it is passed in one step.
      const [beyond] = await store.readAll({ after: through, through: last, limit: 1 });
      if (!beyond && (await store.head()).position < last) {
        throw new Error(`the store ends before ${last}, up to which it is to be read`);
      }
      if (beyond && beyond.position <= next) continue;
      ahead.length = 0;
      next = beyond ? beyond.position - 1n : last;
      for (let i = 0; i < readAhead; i++) readNext();
    }
    // A range of large events comes in several pages; what is read ahead of it waits.
    while (page.cut) {
      page = await store.readAll({ after: page.at(-1)!.position, through, limit: pageSize, bytes: RANGE_BYTES });
      if (page.length > 0) yield page;
    }
  }
}

/** One build's part in the pass. */
class BuildFiller {
  readonly start: bigint;
  private folded: Map<number, bigint>;
  private writing: Promise<void> | undefined;
  private failure: unknown;
  /** The event before which it stopped. */
  stopped: NewerEvent | undefined;
  private readonly least: bigint;

  constructor(
    private readonly target: FillTarget,
    private readonly log: Log,
    private readonly flushRows: number,
  ) {
    this.folded = new Map(target.writer.checkpoints);
    const open = [...target.targets].filter(([partition, to]) => to > this.folded.get(partition)!);
    this.start =
      open.length > 0 ? min(open.map(([partition]) => this.folded.get(partition)!)) : max(target.targets.values());
    this.least = min(target.targets.values());
  }

  get writer(): BuildWriter {
    return this.target.writer;
  }

  async take(page: readonly StoredEvent[]): Promise<void> {
    if (this.failure) await this.recover();
    const { writer, targets } = this.target;
    const end = page.at(-1)!.position;
    const begin = page[0]!.position;
    // The usual case, all partitions abreast and none near its target: no need to look at each event's partition.
    const abreast = end <= this.least && begin > max(this.folded.values());
    const events = abreast ? page : select(page, this.folded, targets, this.log.partitions).map(({ event }) => event);
    this.stopped = writer.newerAmong(events);
    if (this.stopped) return;
    try {
      if (events.length > 0) await writer.fold(events);
    } catch (error) {
      await this.writing;
      this.failure ??= error;
    }
    for (const [partition, target] of targets) {
      const to = target < end ? target : end;
      if (to > this.folded.get(partition)!) this.folded.set(partition, to);
    }
    if (!this.failure && writer.pending < this.flushRows) return;
    await this.writing;
    if (this.failure) await this.recover();
    else this.write();
  }

  /** Waits for the write under way. */
  async settled(): Promise<void> {
    await this.writing;
  }

  /** @param whole all of the pass was read, so that nothing is left below the targets */
  async finish(whole: boolean): Promise<void> {
    await this.writing;
    for (const [partition, target] of whole && !this.stopped ? this.target.targets : []) {
      if (target > this.folded.get(partition)!) this.folded.set(partition, target);
    }
    if (!this.failure) {
      this.write();
      await this.writing;
    }
    if (this.failure) await this.recover();
  }

  private write(): void {
    this.writing = this.target.writer.flush(new Map(this.folded)).catch((error: unknown) => {
      this.failure = error;
    });
  }

  /** A write was refused for its values: the stretch is done again with care, which sets the culprit aside. */
  private async recover(): Promise<void> {
    const { failure } = this;
    if (!isDataError(failure)) throw failure;
    this.failure = undefined;
    const { writer } = this.target;
    const positions = new Map(writer.checkpoints);
    await writer.load(writer.generation);
    for (const [partition, position] of positions) {
      if (writer.checkpoints.get(partition) !== position) throw failure;
    }
    await catchUp(writer, this.log, this.folded);
  }
}

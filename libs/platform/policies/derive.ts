import { partitionOf } from '#platform/event-bus/event-bus.js';
import { PAGE, type Log } from '#platform/event-bus/consuming/log-reading.js';
import { streamName, type StoredEvent } from '#platform/kernel/envelope.js';
import type { PolicyDefinition } from '#platform/kernel/policy.js';
import type { ActivePolicy, PendingCommand, PolicyReader } from './pending.js';
import type { Folded, StateSource } from './policy-states.js';

/** States that are held while the log is read; of other subjects they are folded again when they come up. */
const HELD_STATES = 10_000;

/** What would be pending if nothing had been sent: by stream, in the order of the log. */
export class Derived {
  private readonly byStream = new Map<string, PendingCommand[]>();
  private readonly states = new Map<string, Folded>();
  size = 0;

  constructor(
    private readonly policy: ActivePolicy,
    private readonly reader: PolicyReader,
    private readonly log: StateSource,
  ) {}

  /**
   * Takes in events that follow those before.
   * @param through up to where the log has been read before them
   */
  async add(events: readonly StoredEvent[], through: bigint): Promise<void> {
    const { added, takenBack } = await this.reader.changes(this.policy, events, {
      source: { states: (policy, asked) => this.heldOrFolded(policy, asked) },
      through: () => through,
      after: (states) => this.hold(states),
    });
    for (const { aggregate, aggregateId, before, by } of takenBack) {
      this.keep(streamName({ aggregate, aggregateId }), (row) => row.position >= before || row.commandId === by);
    }
    for (const row of added) {
      const same = this.byStream.get(streamName(row));
      if (same) same.push(row);
      else this.byStream.set(streamName(row), [row]);
      this.size++;
    }
  }

  *rows(): Generator<PendingCommand> {
    for (const rows of this.byStream.values()) yield* rows;
  }

  /** Leaves out what is done with. */
  without(commandIds: ReadonlySet<string>): void {
    for (const stream of [...this.byStream.keys()]) this.keep(stream, ({ commandId }) => !commandIds.has(commandId));
  }

  private async heldOrFolded(
    policy: PolicyDefinition,
    asked: ReadonlyMap<string, bigint>,
  ): Promise<Map<string, Folded>> {
    const missing = new Map([...asked].filter(([subject]) => !this.states.has(subject)));
    const found = missing.size > 0 ? await this.log.states(policy, missing) : new Map<string, Folded>();
    for (const subject of asked.keys()) if (!missing.has(subject)) found.set(subject, this.states.get(subject)!);
    return found;
  }

  private hold(states: ReadonlyMap<string, Folded>): void {
    for (const [subject, folded] of states) {
      this.states.delete(subject);
      this.states.set(subject, folded);
    }
    for (const subject of this.states.keys()) {
      if (this.states.size <= HELD_STATES) return;
      this.states.delete(subject);
    }
  }

  private keep(stream: string, which: (row: PendingCommand) => boolean): void {
    const rows = this.byStream.get(stream);
    if (!rows) return;
    const kept = rows.filter(which);
    this.size -= rows.length - kept.length;
    if (kept.length > 0) this.byStream.set(stream, kept);
    else this.byStream.delete(stream);
  }
}

/**
 * Reads the log from a position to where each partition is to be read, page by page, into what would be pending.
 * @param onPage may leave out what is done with, so that it does not grow with the log
 */
export async function deriveFrom(
  derived: Derived,
  { store, partitions }: Log,
  after: bigint,
  through: ReadonlyMap<number, bigint>,
  onPage: (read: bigint) => Promise<void> | void = () => {},
): Promise<void> {
  let last = 0n;
  for (const position of through.values()) if (position > last) last = position;
  for (let at = after; at < last;) {
    const page = await store.readAll({ after: at, through: last, limit: PAGE });
    if (page.length === 0) break;
    const before = at;
    at = page.at(-1)!.position;
    const own = page.filter((event) => event.position <= through.get(partitionOf(event.subject, partitions))!);
    await derived.add(own, before);
    await onPage(at);
  }
}

import type { Batch } from '#platform/event-bus/consuming/log-reading.js';
import { Pauses } from '#platform/event-bus/consuming/pauses.js';
import type { ActivePolicy, PolicyReader } from './pending.js';
import { partitionOf } from '#platform/event-bus/event-bus.js';
import type { StateSource } from './policy-states.js';
import type { PolicyBooks, PolicyState, PolicyWrite } from './policy-books.js';

/** What a member has read of a batch, and not yet written. */
export interface Taken {
  readonly member: PolicyMember;
  readonly reached: ReadonlyMap<number, bigint>;
  readonly write: PolicyWrite;
}

/** One policy as a process reads for it. */
export class PolicyMember {
  readonly pauses: Pauses;
  /** Up to where it has read, by partition; what lies behind the written checkpoint held nothing for it. */
  reached = new Map<number, bigint>();
  /** What it knows of the database is of now, as far as it can tell. */
  loaded = false;
  /** Newer code has the policy: this process leaves it alone. */
  isAside = false;
  private written = new Map<number, bigint>();
  private epoch = 0;

  constructor(
    readonly policy: ActivePolicy,
    private readonly reader: PolicyReader,
    private readonly states: StateSource,
  ) {
    this.pauses = new Pauses(policy.definition);
  }

  get name(): string {
    return this.policy.definition.name;
  }

  /** Reads where it stands. A policy that is new begins behind the head. */
  async load(books: PolicyBooks, at: { partitions: number; head: bigint; now: Date }): Promise<void> {
    const { definition } = this.policy;
    const { version, epoch, checkpoints } = await books.claim(definition, at);
    this.isAside = version > definition.version;
    this.epoch = epoch;
    this.written = checkpoints;
    this.reached = new Map(checkpoints);
    this.pauses.clear();
    this.loaded = true;
  }

  /** Whether the database says something else than what this process counts on. */
  isMoved({ version, epoch, checkpoints }: PolicyState): boolean {
    if (version !== this.policy.definition.version || epoch !== this.epoch) return true;
    return [...this.written].some(([partition, at]) => (checkpoints.get(partition) ?? 0n) > at);
  }

  /** What follows from a batch. Partitions in which newer code is needed go no further than that event. */
  async take(batch: Batch): Promise<Taken> {
    const { events, advance } = this.pauses.admit(batch);
    const { written } = this;
    const changes = await this.reader.changes(
      this.policy,
      events.map(({ event }) => event),
      {
        source: this.states,
        // What lies between this and the batch has been read and has changed no state, else it had gone down.
        through: (subject) => written.get(partitionOf(subject, written.size)) ?? 0n,
      },
    );
    const reached = new Map(this.reached);
    for (const [partition, to] of advance) if (to > (reached.get(partition) ?? 0n)) reached.set(partition, to);
    const waits = new Map<number, string>();
    for (const [partition, { type, schemaVersion }] of this.pauses.takeNew()) {
      waits.set(partition, `${type} of version ${schemaVersion}`);
    }
    const moved = new Map<number, { from: bigint; to: bigint }>();
    for (const [partition, from] of this.written) {
      const to = reached.get(partition)!;
      if (to > from) moved.set(partition, { from, to });
    }
    return { member: this, reached, write: { policy: this.name, epoch: this.epoch, moved, waits, changes } };
  }

  /** What was taken holds nothing that must be kept: its place is remembered here for now. */
  remember({ reached }: Taken): void {
    this.reached = new Map(reached);
  }

  /** What was taken is in the database. */
  settle({ reached }: Taken): void {
    this.reached = new Map(reached);
    this.written = new Map(reached);
  }
}

/** Whether it must go down before the next deliveries are taken. */
export const holdsChanges = ({ write: { changes, waits } }: Taken): boolean =>
  changes.added.length + changes.takenBack.length + changes.states.length + waits.size > 0;

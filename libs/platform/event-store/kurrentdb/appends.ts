import { StreamMap } from '#platform/kernel/stream-map.js';
import type { StreamId } from '#platform/kernel/envelope.js';
import { resolve } from '../append-conflicts.js';
import {
  conflictOf,
  isSameStream,
  reservationKey,
  type AppendOutcome,
  type AppendRequest,
  type Receipt,
  type Reservation,
} from '../event-store.js';
import { planOf, revisionExpected, type AppendPlan } from './append-plan.js';
import type { KurrentAttachment } from './attachment.js';
import type { KurrentConnection } from './connection.js';
import { Violated } from './errors.js';
import { inParallel } from './in-parallel.js';
import type { Names } from './names.js';
import { holderOf } from './receipt-records.js';
import type { ReceiptReader } from './receipt-reader.js';
import type { StreamReader } from './stream-reader.js';

const MAX_ROUNDS = 20;
/** Streams of keys read at once. */
const AT_ONCE = 16;

/** What a refused batch is judged by: what the store holds of it. */
interface Held {
  readonly receipts: ReadonlyMap<string, Receipt>;
  /** The last revision of each stream that has events. */
  readonly revisions: StreamMap<number>;
  readonly holders: ReadonlyMap<string, StreamId>;
}

/** Appends batches: each as one append of the server where none of its requests clashes. */
export class Appends {
  constructor(
    private readonly connection: KurrentConnection,
    private readonly attachment: KurrentAttachment,
    private readonly receipts: ReceiptReader,
    private readonly streams: StreamReader,
    private readonly names: Names,
  ) {}

  async append(requests: readonly AppendRequest[]): Promise<AppendOutcome[]> {
    const outcomes = new Array<AppendOutcome | undefined>(requests.length);
    const held = new Set<string>();
    let open = requests.map((_, index) => index);
    for (let round = 0; open.length > 0; round++) {
      open = this.leaveStale(requests, open, outcomes);
      if (open.length === 0) break;
      const batch = open.map((index) => requests[index]!);
      const plan = planOf(this.names, batch, this.attachment.logRevision, held);
      let found: Held;
      try {
        if (plan) {
          const position = await this.connection.append(plan);
          this.attachment.saw(position, batch.at(-1)!.events.at(-1)!.id);
          for (const index of open) outcomes[index] = { kind: 'stored', position };
          break;
        }
        found = await this.lookUp(batch);
      } catch (error) {
        // Those that clash are told so; the others go down again together, and another clash can only come from
        // another process that was faster in between.
        if (!(error instanceof Violated) || round === MAX_ROUNDS) throw error;
        found = await this.told(plan!, error);
      }
      this.noteOwn(batch, found.holders, held);
      const resolved = resolve(batch, found.receipts, found.revisions, found.holders);
      const left = open.filter((index, i) => {
        if (resolved[i]) outcomes[index] = resolved[i];
        return !resolved[i];
      });
      open = left;
    }
    return outcomes as AppendOutcome[];
  }

  /** What was decided before another incarnation began may rest on an event that was lost. */
  private leaveStale(
    requests: readonly AppendRequest[],
    open: readonly number[],
    outcomes: (AppendOutcome | undefined)[],
  ): number[] {
    const { number } = this.attachment.log.current;
    return open.filter((index) => {
      const { incarnation = number, events } = requests[index]!;
      if (incarnation !== number) outcomes[index] = conflictOf(events[0]!);
      return incarnation === number;
    });
  }

  /** What the server's refusal tells: all that was expected holds, but for what it names. */
  private async told({ expected }: AppendPlan, { actual }: Violated): Promise<Held> {
    const revisions = new StreamMap<number>();
    const known: string[] = [];
    const taken: Reservation[] = [];
    for (const [at, each] of expected.entries()) {
      const revision = actual.get(at);
      if (each.of === 'events') {
        const now = revision ?? revisionExpected(each);
        if (now >= 0) revisions.set(each.aggregate, each.aggregateId, now);
      }
      if (revision === undefined) continue;
      if (each.of === 'command') known.push(each.commandId);
      if (each.of === 'key') taken.push(each.reservation);
      if (each.of === 'log') await this.attachment.attach();
    }
    const [receipts, holders] = await Promise.all([this.receipts.find(known), this.holders(taken)]);
    return { receipts, revisions, holders };
  }

  /** For a batch whose requests contradict each other: all that the store holds of it. */
  private async lookUp(batch: readonly AppendRequest[]): Promise<Held> {
    const streams = new StreamMap<StreamId>();
    for (const { events, readSet = [] } of batch) {
      for (const each of [...events, ...readSet]) streams.set(each.aggregate, each.aggregateId, each);
    }
    const asked = [...streams.values()];
    const [receipts, last, holders] = await Promise.all([
      this.receipts.find(batch.map(({ commandId }) => commandId)),
      this.streams.lastRevisions(asked),
      this.holders(batch.flatMap(({ reserves = [] }) => reserves)),
    ]);
    const revisions = new StreamMap<number>();
    last.forEach((revision, at) => {
      const { aggregate, aggregateId } = asked[at]!;
      if (revision >= 0) revisions.set(aggregate, aggregateId, revision);
    });
    return { receipts, revisions, holders };
  }

  /** The streams that have keys, by `reservationKey`. */
  private async holders(reserved: readonly Reservation[]): Promise<Map<string, StreamId>> {
    const distinct = [...new Map(reserved.map((each) => [reservationKey(each), each])).values()];
    const found = new Map<string, StreamId>();
    await inParallel(distinct, AT_ONCE, async (reservation) => {
      for await (const raw of this.connection.readStream(this.names.key(reservation), { limit: 1 })) {
        found.set(reservationKey(reservation), holderOf(raw));
      }
    });
    return found;
  }

  /** Keys that a request's own stream has already are not reserved once more. */
  private noteOwn(batch: readonly AppendRequest[], holders: ReadonlyMap<string, StreamId>, held: Set<string>): void {
    for (const { reserves = [] } of batch) {
      for (const reservation of reserves) {
        const key = reservationKey(reservation);
        const holder = holders.get(key);
        if (holder && isSameStream(holder, reservation)) held.add(key);
      }
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { planOf } from '#platform/event-bus/consuming/delivery-plan.js';
import { max, min, PAGE, select, type Log } from '#platform/event-bus/consuming/log-reading.js';
import { TurnQueue } from '#platform/event-bus/consuming/turn-queue.js';
import type { Consumer, Delivery } from '#platform/event-bus/event-bus.js';
import type { Clock } from '#platform/kernel/clock.js';
import { backoff } from '#platform/kernel/backoff.js';
import { isUnavailable } from '#platform/postgres/pool.js';
import { CheckpointMoved, type PolicyBooks } from './policy-books.js';
import { holdsChanges, type PolicyMember, type Taken } from './policy-member.js';
import { isSerialization } from './send-queue.js';

const MAX_MESSAGES = 5_000;
/** A checkpoint behind which nothing stands goes down this often: who starts again reads so much again at most. */
const WRITE_EVERY_MS = 500;

export interface PolicyConsumerOptions {
  readonly members: readonly PolicyMember[];
  readonly books: PolicyBooks;
  readonly log: Log;
  readonly clock: Clock;
  /** Whether this process reads for a policy; where the bus shares partitions out itself, each does. */
  readonly readsFor: (policy: string) => boolean;
  /** Called when something to be sent has become durable. */
  readonly onAdded: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * The policies of a process as one consumer of the bus. What follows from a delivery and the checkpoints go down in one
 * transaction; what is at or below a checkpoint is dropped, what is missing is read from the log. Whatever the bus
 * drops, doubles or reorders, and whoever else reads for the same policies, each event counts once: the checkpoints are
 * moved by compare-and-set, under an epoch that whoever takes over raises.
 */
export class PolicyConsumer implements Consumer {
  readonly assigned = new Set<number>();
  private readonly handed = new Map<number, bigint>();
  private readonly turns: TurnQueue<Delivery>;
  private readonly closing = new AbortController();
  private writtenAt = 0;

  constructor(private readonly options: PolicyConsumerOptions) {
    const turn = (deliveries: readonly Delivery[]): Promise<void> =>
      this.persist(() => this.take(deliveries)).finally(() => this.handedOver(deliveries));
    this.turns = new TurnQueue(turn, { most: MAX_MESSAGES, sizeOf: ({ messages }) => messages.length });
  }

  /** Reads where all stand, so that what is new begins no later than now. */
  load(): Promise<void> {
    return this.turns.run(() => this.persist(() => this.loadAll()));
  }

  /** Where the foremost policy is; for the others the rest is read from the log. */
  async checkpoints(partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>> {
    this.assigned.clear();
    for (const partition of partitions) this.assigned.add(partition);
    return this.turns.run(() =>
      this.persist(async () => {
        for (const member of this.options.members) member.loaded = false;
        await this.loadAll();
        const { position: head } = await this.options.log.store.head();
        const active = this.active;
        const foremost = new Map(
          partitions.map((partition) => [
            partition,
            active.length === 0 ? head : max(active.map(({ reached }) => reached.get(partition) ?? 0n)),
          ]),
        );
        for (const [partition, position] of foremost) this.handed.set(partition, position);
        for (const member of active) {
          this.reconcile(new Map([[member.name, foremost]])).catch(this.onError);
        }
        return foremost;
      }),
    );
  }

  /** Resolves when what follows from it is durable. */
  deliver(delivery: Delivery): Promise<void> {
    return this.turns.add(delivery);
  }

  /**
   * Reads the log up to these positions, by policy and partition, in turn with deliveries.
   * @param empty partitions that hold nothing up to there, as the relay says: their checkpoints only move
   */
  async reconcile(
    targets: ReadonlyMap<string, ReadonlyMap<number, bigint>>,
    empty: ReadonlySet<number> = new Set(),
  ): Promise<void> {
    const work = async (): Promise<void> => {
      await this.loadAll();
      for (const member of this.active) {
        const own = new Map(
          [...(targets.get(member.name) ?? [])].filter(([partition]) => member.pauses.at(partition) === undefined),
        );
        const advance = new Map(
          [...own].filter(([partition, to]) => empty.has(partition) && to > at(member, partition)),
        );
        if (advance.size > 0) await this.commit([await member.take({ events: [], advance })], true);
        await this.catchUp(member, own);
      }
    };
    await this.turns.run(() => this.persist(work));
  }

  /** Writes how far it has read where nothing has followed from it. */
  flush(): Promise<void> {
    return this.turns.run(() =>
      this.persist(async () => {
        await this.loadAll();
        const nothing = { events: [], advance: new Map<number, bigint>() };
        await this.commit(await Promise.all(this.active.map((member) => member.take(nothing))), true);
      }),
    );
  }

  /** What is known of the database, or of the log, may be over: it is read anew before the next write. */
  forget(): void {
    for (const member of this.options.members) member.loaded = false;
  }

  async close(): Promise<void> {
    this.closing.abort(new Error('the policies are closed'));
    await this.turns.close(this.closing.signal.reason);
  }

  private get active(): PolicyMember[] {
    return this.options.members.filter(({ isAside, name }) => !isAside && this.options.readsFor(name));
  }

  private readonly onError = (error: unknown): void => {
    if (!this.closing.signal.aborted) this.options.onError(error);
  };

  private async loadAll(): Promise<void> {
    const { members, books, log, clock } = this.options;
    if (members.every(({ loaded }) => loaded)) return;
    const { position: head } = await log.store.head();
    const at = { partitions: log.partitions, head, now: clock.now() };
    for (const member of members) if (!member.loaded) await member.load(books, at);
  }

  private async take(deliveries: readonly Delivery[]): Promise<void> {
    const isLost = (position: bigint): boolean => this.options.log.store.identity.isLost(position);
    for (;;) {
      await this.loadAll();
      const taken: Taken[] = [];
      const behind: [PolicyMember, ReadonlyMap<number, bigint>][] = [];
      for (const member of this.active) {
        const { reached: checkpoints, pauses } = member;
        const { batch, gaps } = planOf(deliveries, { checkpoints, pauses, handed: this.handed, isLost });
        if (batch.advance.size > 0) taken.push(await member.take(batch));
        if (gaps.size > 0) behind.push([member, gaps]);
      }
      const isDue = performance.now() - this.writtenAt > WRITE_EVERY_MS;
      await this.commit(taken, isDue || taken.some(holdsChanges));
      for (const [member, gaps] of behind) await this.catchUp(member, gaps);
      if (behind.length === 0) return;
    }
  }

  private async commit(taken: readonly Taken[], now: boolean): Promise<void> {
    if (!now) {
      for (const each of taken) each.member.remember(each);
      return;
    }
    await this.options.books.write(taken.map(({ write }) => write));
    for (const each of taken) each.member.settle(each);
    this.writtenAt = performance.now();
    if (taken.some(({ write }) => write.changes.added.length > 0)) this.options.onAdded();
  }

  /** @throws Error where the log ends before a target */
  private async catchUp(member: PolicyMember, given: ReadonlyMap<number, bigint>): Promise<void> {
    const { store, partitions } = this.options.log;
    const targets = new Map([...given].filter(([partition, to]) => to > at(member, partition)));
    if (targets.size === 0) return;
    const last = max(targets.values());
    let after = min([...targets.keys()].map((partition) => at(member, partition)));
    while (after < last) {
      this.closing.signal.throwIfAborted();
      const page = await store.readAll({ after, through: last, limit: PAGE });
      if (page.length === 0 && (await store.head()).position < last) {
        throw new Error(`the log ends at ${after}, but ${last} was announced: this bus belongs to another log`);
      }
      const end = page.at(-1)?.position ?? last;
      const advance = new Map<number, bigint>();
      for (const [partition, target] of targets) {
        const to = target < end ? target : end;
        if (to > at(member, partition)) advance.set(partition, to);
      }
      const events = select(page, member.reached, targets, partitions);
      await this.commit([await member.take({ events, advance })], true);
      after = end;
    }
  }

  /** Tries for ever where trying helps: a database that is away, a checkpoint that somebody else has moved. */
  private async persist<T>(attempt: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      this.closing.signal.throwIfAborted();
      try {
        return await attempt();
      } catch (error) {
        this.forget();
        const isOthers = error instanceof CheckpointMoved || isSerialization(error);
        if (this.closing.signal.aborted || !(isOthers || isUnavailable(error))) throw error;
        if (!isOthers) this.onError(error);
        await sleep(backoff(failures + 1, { firstMs: 10 }), undefined, { signal: this.closing.signal });
      }
    }
  }

  /** Also when it failed: the bus may go on, and what was handed over and not taken is then a gap. */
  private handedOver(deliveries: readonly Delivery[]): void {
    for (const { through, partitions } of deliveries) {
      if (through !== undefined) for (const partition of partitions) this.handed.set(partition, through);
    }
  }
}

const at = (member: PolicyMember, partition: number): bigint => member.reached.get(partition) ?? 0n;

import { max } from '#platform/event-bus/consuming/log-reading.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '#platform/kernel/backoff.js';
import type { Consumer, Delivery, Published } from '#platform/event-bus/event-bus.js';
import { isUnavailable } from '#platform/postgres/pool.js';
import { type Behind } from '../builds/catch-up.js';
import type { BuildWriter } from './build-writer.js';
import { planOf } from '#platform/event-bus/consuming/delivery-plan.js';
import type { GroupMember, MemberStatus } from './group-member.js';
import { GroupMembers, lagOf, type GroupMembersOptions, type Part } from './group-members.js';
import type { Written } from './progress.js';
import { TurnQueue } from '#platform/event-bus/consuming/turn-queue.js';

const MAX_MESSAGES = 5_000;

export interface ProjectionGroupOptions extends GroupMembersOptions {
  readonly onDelivery?: (delivery: Delivery) => void;
}

/**
 * The projections of one process as one consumer of the bus: each delivery is decoded once, all folds run, and all rows
 * and checkpoints go down in one transaction. Deliveries that come while a write is under way go into the next one.
 *
 * Whatever the bus drops, doubles or reorders, and whoever else writes, each event is applied once: what is at or below
 * a checkpoint is dropped, what does not follow it is read from the store, and the checkpoint's compare-and-set in the
 * write itself decides. A member that is behind, of another version than its live build, or that failed, goes on by
 * itself (`ProjectionWorker`) and comes back when it is level: it never holds up the others.
 */
export class ProjectionGroup implements Consumer {
  /** Partitions that the bus has assigned to this process last. */
  readonly assigned = new Set<number>();
  /** Up to where the bus has handed over everything, by partition; only a bus that knows `through` says so. */
  private readonly handed = new Map<number, bigint>();
  private readonly set: GroupMembers;
  private readonly turns: TurnQueue<Delivery>;
  private readonly closing = new AbortController();

  constructor(private readonly options: ProjectionGroupOptions) {
    const turn = (deliveries: readonly Delivery[]): Promise<void> =>
      this.persist(() => this.take(deliveries)).finally(() => this.handedOver(deliveries));
    this.turns = new TurnQueue(turn, { most: MAX_MESSAGES, sizeOf: ({ messages }) => messages.length });
    const betweenTurns = (work: () => Promise<void>): Promise<void> => this.turns.run(work);
    this.set = new GroupMembers(options, this.assigned, betweenTurns, this.closing.signal);
  }

  get members(): readonly GroupMember[] {
    return this.set.all;
  }

  private readonly onError = (error: unknown): void => {
    if (!this.closing.signal.aborted) this.options.onError?.(error);
  };

  /** For those who wait for a position. */
  get written(): Written[] {
    return this.members.map((member) => member.written(this.assigned));
  }

  /** Its members that are by themselves, and why. */
  get alone(): MemberStatus[] {
    return this.members.flatMap((member) => member.status ?? []);
  }

  /** Where the foremost member is; the others close the gap from the store. */
  async checkpoints(partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>> {
    this.assigned.clear();
    for (const partition of partitions) this.assigned.add(partition);
    return this.turns.run(async () => {
      // Another process may have moved them since this one last looked.
      for (const member of this.set.together) member.loaded = false;
      await this.persist(() => this.set.load());
      const members = this.set.together;
      // With nobody here, what comes from now on is enough: who joins later has read the store.
      const { position: head } = members.length === 0 ? await this.options.log.store.head() : { position: 0n };
      const foremost = new Map(
        partitions.map((partition) => [
          partition,
          max([head, ...members.map(({ writer }) => writer.checkpoints.get(partition) ?? 0n)]),
        ]),
      );
      for (const [partition, position] of foremost) this.handed.set(partition, position);
      const targets = new Map(members.map(({ name }) => [name, foremost]));
      this.reconcile(targets).catch(this.onError);
      return foremost;
    });
  }

  /** Resolves when it is durable in all members that are in the group. */
  async deliver(delivery: Delivery): Promise<void> {
    this.options.onDelivery?.(delivery);
    await this.turns.add(delivery);
  }

  /**
   * Reads the store up to these positions, by member, and applies what is missing, in turn with deliveries.
   * @param published what the relay has put on the bus: a partition that holds its last event there need not be
   *   read again up to the relay's position
   */
  async reconcile(targets: ReadonlyMap<string, ReadonlyMap<number, bigint>>, published?: Published): Promise<void> {
    const work = async (): Promise<void> => {
      for (const member of this.set.together) member.stale = 0;
      do {
        await this.set.load();
        const parts = this.set.together.map((member) => {
          const { writer, name } = member;
          const own = new Map(
            [...(targets.get(name) ?? [])].filter(([partition]) => writer.pauses.at(partition) === undefined),
          );
          const held = [...(published ? own.keys() : [])].filter(
            (partition) => (published!.heads.get(partition) ?? 0n) <= writer.checkpoints.get(partition)!,
          );
          const advance = new Map(held.map((partition) => [partition, published!.position]));
          return { member, writer, targets: own, batch: { events: [], advance } };
        });
        await this.set.commit(parts.filter(({ batch }) => batch.advance.size > 0));
        await this.set.closeGaps(parts.filter((part) => lagOf(part) > 0n));
      } while (!this.set.isLoaded);
    };
    await this.turns.run(() => this.persist(work));
  }

  /** What is held in memory may be of an incarnation of the log that is over: it is read anew before the next write. */
  forget(): void {
    for (const member of this.members) member.forget();
  }

  /** A live build was seen further than one of its partitions waits here: newer code has taken it on. */
  passed(name: string): void {
    const member = this.set.together.find((each) => each.name === name);
    if (member) member.loaded = false;
  }

  /** Waits for the write under way; deliveries that still wait are refused. */
  async close(): Promise<void> {
    this.closing.abort(new Error('the projection group is closed'));
    await this.turns.close(this.closing.signal.reason);
    await Promise.all(this.members.map((member) => member.ended));
  }

  /** Tries for ever where trying helps: a database that is away. */
  private async persist<T>(attempt: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      this.closing.signal.throwIfAborted();
      try {
        return await attempt();
      } catch (error) {
        for (const member of this.set.together) member.loaded = false;
        if (this.closing.signal.aborted || !isUnavailable(error)) throw error;
        this.onError(error);
        await sleep(backoff(failures + 1, { firstMs: 10 }), undefined, { signal: this.closing.signal });
      }
    }
  }

  private async take(deliveries: readonly Delivery[]): Promise<void> {
    const { log } = this.options;
    const isLost = (position: bigint): boolean => log.store.identity.isLost(position);
    for (const member of this.set.together) member.stale = 0;
    for (;;) {
      await this.set.load();
      const parts: Part[] = [];
      const behind: Behind<BuildWriter>[] = [];
      for (const member of this.set.together) {
        const { writer } = member;
        const { checkpoints, pauses } = writer;
        const { batch, gaps } = planOf(deliveries, { checkpoints, pauses, handed: this.handed, isLost });
        if (batch.advance.size > 0) parts.push({ member, batch });
        if (gaps.size > 0) behind.push({ writer, targets: gaps });
      }
      await this.set.commit(parts);
      await this.set.closeGaps(behind);
      if (behind.length === 0 && this.set.isLoaded) break;
    }
  }

  /** Also when it failed: the bus may go on, and what was handed over and not applied is then a gap. */
  private handedOver(deliveries: readonly Delivery[]): void {
    for (const { through, partitions, messages } of deliveries) {
      if (through !== undefined) for (const partition of partitions) this.handed.set(partition, through);
      this.options.decoded.forget(messages.map(({ event }) => event));
    }
  }
}

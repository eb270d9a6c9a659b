import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, Delivery, Published } from '#platform/event-bus/event-bus.js';
import { isUnavailable, type Pipeline, type Pool } from '#platform/postgres/pool.js';
import { catchUpTogether, max, PAGE, type Behind, type Log } from '../builds/catch-up.js';
import type { DecodedEvents } from '../folding/decoded-events.js';
import { Ages } from '../folding/row-cache.js';
import { BuildWriter, type Model, type PendingWrite } from './build-writer.js';
import { planOf } from './delivery-plan.js';
import { GroupMember, type Standing } from './group-member.js';
import { writeTogether } from './group-write.js';
import { holdToLog, liveGeneration, OtherVersionLive } from './live-state.js';
import { recordPauses } from './paused-partitions.js';
import type { Batch } from './pauses.js';
import type { Written } from './progress.js';
import { TurnQueue } from './turn-queue.js';
import { StaleWriter } from './writer-errors.js';

const MAX_MESSAGES = 5_000;
const MAX_BACKOFF_MS = 5_000;
/** A member whose checkpoint moved so often in one turn leaves the group. */
const MOST_STALE = 3;

export interface ProjectionGroupOptions {
  readonly models: readonly Model[];
  /** For members that are by themselves, and to read where builds stand. */
  readonly pool: Pool;
  /** What the group reads rows and writes over. */
  readonly pipeline: Pipeline;
  readonly log: Log;
  readonly decoded: DecodedEvents;
  /** Bounds the rows that all members together hold. */
  readonly ages?: Ages;
  /** Called when rows and checkpoints have become durable. */
  readonly onCommit?: () => void;
  readonly onDelivery?: (delivery: Delivery) => void;
  /** Told of what goes wrong and is tried again. */
  readonly onError?: (error: unknown) => void;
}

class FarBehind extends Error {
  constructor(projection: string, positions: bigint) {
    super(`${projection} is ${positions} positions behind`);
    this.name = 'FarBehind';
  }
}

interface Part {
  readonly member: GroupMember;
  readonly batch: Batch;
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
  readonly members: readonly GroupMember[];
  /** Partitions that the bus has assigned to this process at some time. */
  readonly assigned = new Set<number>();
  /** Up to where the bus has handed over everything, by partition; only a bus that knows `through` says so. */
  private readonly handed = new Map<number, bigint>();
  private readonly turns: TurnQueue<Delivery>;
  private readonly closing = new AbortController();

  constructor(private readonly options: ProjectionGroupOptions) {
    const { models, pool, log, decoded, ages = Ages.forProjections(models.length) } = options;
    this.members = models.map((model) => {
      const writer = new BuildWriter(pool, model, decoded, { ages });
      writer.readOver(options.pipeline);
      const { assigned } = this;
      return new GroupMember({ pool, log, writer, assigned, onCommit: this.onCommit, onError: this.onError });
    });
    const turn = (deliveries: readonly Delivery[]): Promise<void> =>
      this.persist(() => this.take(deliveries)).finally(() => this.handedOver(deliveries));
    this.turns = new TurnQueue(turn, { most: MAX_MESSAGES, sizeOf: ({ messages }) => messages.length });
  }

  private readonly onCommit = (): void => this.options.onCommit?.();
  private readonly onError = (error: unknown): void => {
    if (!this.closing.signal.aborted) this.options.onError?.(error);
  };

  /** For those who wait for a position. */
  get written(): Written[] {
    return this.members.map((member) => member.written(this.assigned));
  }

  /** Its members that are by themselves, and why. */
  get standings(): Standing[] {
    return this.members.flatMap((member) => member.standing ?? []);
  }

  /** Where the foremost member is; the others close the gap from the store. */
  async checkpoints(partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>> {
    for (const partition of partitions) this.assigned.add(partition);
    return this.turns.run(async () => {
      // Another process may have moved them since this one last looked.
      for (const member of this.together) member.loaded = false;
      await this.persist(() => this.load());
      const members = this.together;
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
      for (const member of this.together) member.stale = 0;
      do {
        await this.load();
        const parts = this.together.map((member) => {
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
        await this.commit(parts.filter(({ batch }) => batch.advance.size > 0));
        await this.closeGaps(parts.filter((part) => lagOf(part) > 0n));
      } while (!this.isLoaded);
    };
    await this.turns.run(() => this.persist(work));
  }

  /** What is held in memory may be of an incarnation of the log that is over: it is read anew before the next write. */
  forget(): void {
    for (const member of this.members) member.forget();
  }

  /** A live build was seen further than one of its partitions waits here: newer code has taken it on. */
  passed(name: string): void {
    const member = this.together.find((each) => each.name === name);
    if (member) member.loaded = false;
  }

  /** Waits for the write under way; deliveries that still wait are refused. */
  async close(): Promise<void> {
    this.closing.abort(new Error('the projection group is closed'));
    await this.turns.close(this.closing.signal.reason);
    await Promise.all(this.members.map((member) => member.ended));
  }

  private get together(): GroupMember[] {
    return this.members.filter(({ isAlone }) => !isAlone);
  }

  private get isLoaded(): boolean {
    return this.together.every(({ loaded }) => loaded);
  }

  /** Tries for ever where trying helps: a database that is away. */
  private async persist<T>(attempt: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      this.closing.signal.throwIfAborted();
      try {
        return await attempt();
      } catch (error) {
        for (const member of this.together) member.loaded = false;
        if (this.closing.signal.aborted || !isUnavailable(error)) throw error;
        this.onError(error);
        const wait = Math.min(MAX_BACKOFF_MS, 10 * 2 ** Math.min(failures, 10));
        await sleep(wait, undefined, { signal: this.closing.signal });
      }
    }
  }

  /** Reads anew where the live builds of members stand of which that is not known. */
  private async load(): Promise<void> {
    const unknown = this.together.filter(({ loaded }) => !loaded);
    if (unknown.length === 0) return;
    const { pool, log } = this.options;
    await holdToLog(pool, log);
    const outcomes = await Promise.allSettled(
      unknown.map(async ({ writer }) =>
        writer.load(await liveGeneration(pool, writer.model.projection), { live: true }),
      ),
    );
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    const away = failures.find(isUnavailable);
    if (away) throw away;
    outcomes.forEach((outcome, at) => {
      if (outcome.status === 'fulfilled') unknown[at]!.loaded = true;
      else this.leave(unknown[at]!, outcome.reason);
    });
  }

  private async take(deliveries: readonly Delivery[]): Promise<void> {
    const { log } = this.options;
    const isLost = (position: bigint): boolean => log.store.identity.isLost(position);
    for (const member of this.together) member.stale = 0;
    for (;;) {
      await this.load();
      const parts: Part[] = [];
      const behind: Behind<BuildWriter>[] = [];
      for (const member of this.together) {
        const { writer } = member;
        const { checkpoints, pauses } = writer;
        const { batch, gaps } = planOf(deliveries, { checkpoints, pauses, handed: this.handed, isLost });
        if (batch.advance.size > 0) parts.push({ member, batch });
        if (gaps.size > 0) behind.push({ writer, targets: gaps });
      }
      await this.commit(parts);
      await this.closeGaps(behind);
      if (behind.length === 0 && this.isLoaded) break;
    }
  }

  /** Also when it failed: the bus may go on, and what was handed over and not applied is then a gap. */
  private handedOver(deliveries: readonly Delivery[]): void {
    for (const { through, partitions, messages } of deliveries) {
      if (through !== undefined) for (const partition of partitions) this.handed.set(partition, through);
      this.options.decoded.forget(messages.map(({ event }) => event));
    }
  }

  /** Reads what is missing from the store, for all together; who is further behind than the others goes on alone. */
  private async closeGaps(behind: readonly Behind<BuildWriter>[]): Promise<void> {
    const { log, decoded } = this.options;
    const lags = behind.map((each) => ({ ...each, lag: lagOf(each) }));
    const members = this.together.filter(({ loaded }) => loaded);
    const least =
      lags.length < members.length ? 0n : lags.reduce((low, { lag }) => (lag < low ? lag : low), lags[0]?.lag ?? 0n);
    const near = lags.filter(({ lag }) => lag <= least + BigInt(PAGE));
    for (const { writer, lag } of lags) {
      if (lag <= least + BigInt(PAGE)) continue;
      this.leave(this.memberOf(writer), new FarBehind(writer.name, lag));
    }
    await catchUpTogether(near, log, async (parts) => {
      await this.commit(parts.map(({ writer, batch }) => ({ member: this.memberOf(writer), batch })));
      for (const { batch } of parts) decoded.forget(batch.events.map(({ event }) => event));
    });
  }

  /** Folds and writes, all that it can be done with in one transaction. */
  private async commit(parts: readonly Part[]): Promise<void> {
    const admitted = parts
      .filter(({ member }) => !member.isAlone && member.loaded)
      .map(({ member, batch }) => ({ member, batch: member.writer.pauses.admit(batch) }));
    for (const { member } of admitted) await recordPauses(this.options.pool, member.writer);
    const outcomes = await Promise.allSettled(
      admitted.map(({ member, batch }) => member.writer.fold(batch.events.map(({ event }) => event))),
    );
    const away = outcomes.find((outcome) => outcome.status === 'rejected' && isUnavailable(outcome.reason));
    if (away) throw (away as PromiseRejectedResult).reason;
    const writes: (PendingWrite & { member: GroupMember })[] = [];
    admitted.forEach(({ member, batch }, at) => {
      const outcome = outcomes[at]!;
      if (outcome.status === 'rejected') return this.leave(member, outcome.reason);
      const write = member.writer.take(batch.advance);
      if (write) writes.push({ ...write, member });
    });
    if (writes.length === 0) return;
    const refused = await writeTogether(this.options.pipeline, writes);
    const failed = new Set(refused.map(({ write }) => write));
    for (const write of writes) if (!failed.has(write)) write.written();
    this.onCommit();
    for (const { write, error } of refused) this.refuse(write.member, error);
  }

  /** Its checkpoint moved: read anew, it may go on here. Else it has to be looked after by itself. */
  private refuse(member: GroupMember, error: unknown): void {
    member.loaded = false;
    if (!(error instanceof StaleWriter) || ++member.stale >= MOST_STALE) this.leave(member, error);
  }

  private leave(member: GroupMember, why: unknown): void {
    if (member.isAlone) return;
    if (!(why instanceof OtherVersionLive || why instanceof FarBehind)) this.onError(why);
    member.goAlone(why, this.closing.signal, async () => {
      // Between two turns, so that nobody else has its writer in hand.
      await this.turns.run(async () => {
        member.writer.readOver(this.options.pipeline);
        member.comeBack();
      });
    });
  }

  private memberOf(writer: BuildWriter): GroupMember {
    return this.members.find((member) => member.writer === writer)!;
  }
}

function lagOf({ writer, targets }: Behind<BuildWriter>): bigint {
  return max([...targets].map(([partition, to]) => to - (writer.checkpoints.get(partition) ?? 0n)));
}

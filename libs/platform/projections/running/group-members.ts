import { PAGE, max, type Batch, type Log } from '#platform/event-bus/consuming/log-reading.js';
import { isUnavailable, type Pipeline, type Pool } from '#platform/postgres/pool.js';
import { catchUpTogether, type Behind } from '../builds/catch-up.js';
import type { DecodedEvents } from '../folding/decoded-events.js';
import { Ages } from '../folding/row-cache.js';
import { BuildWriter, type Model, type PendingWrite } from './build-writer.js';
import { GroupMember } from './group-member.js';
import { writeTogether } from './group-write.js';
import { holdToLog, liveGeneration, OtherVersionLive } from './live-state.js';
import { recordPauses } from './paused-partitions.js';
import { StaleWriter } from './writer-errors.js';

/** A member whose checkpoint moved so often in one turn leaves the group. */
const MOST_STALE = 3;

export interface GroupMembersOptions {
  readonly models: readonly Model[];
  /** For members that are by themselves, and to read where builds stand. */
  readonly pool: Pool;
  /** What the group reads rows and writes over. */
  readonly pipeline: Pipeline;
  readonly log: Log;
  readonly decoded: DecodedEvents;
  /** Bounds the rows that all members together hold. */
  readonly ages?: Ages;
  /** Told of each write that has become durable. */
  readonly onWritten?: WriteObserver;
  /** Called when rows and checkpoints have become durable. */
  readonly onCommit?: () => void;
  /** Told of what goes wrong and is tried again. */
  readonly onError?: (error: unknown) => void;
}

/** A write that has become durable: its events (those of the member that had most to do), and how long it took. */
export type WriteObserver = (written: { readonly events: Batch['events']; readonly ms: number }) => void;

class FarBehind extends Error {
  constructor(projection: string, positions: bigint) {
    super(`${projection} is ${positions} positions behind`);
    this.name = 'FarBehind';
  }
}

/** What is to be applied to one member. */
export interface Part {
  readonly member: GroupMember;
  readonly batch: Batch;
}

/** The members of a group, and what is done with all of them at once. Not to be used by two callers at once. */
export class GroupMembers {
  readonly all: readonly GroupMember[];

  /**
   * @param betweenTurns runs work while nobody else has a member in hand
   * @param signal ends those that are by themselves
   */
  constructor(
    private readonly options: GroupMembersOptions,
    assigned: ReadonlySet<number>,
    private readonly betweenTurns: (work: () => Promise<void>) => Promise<void>,
    private readonly signal: AbortSignal,
  ) {
    const { models, pool, pipeline, log, decoded, ages = Ages.forProjections(models.length) } = options;
    this.all = models.map((model) => {
      const writer = new BuildWriter(pool, model, decoded, { ages });
      writer.readOver(pipeline);
      return new GroupMember({ pool, log, writer, assigned, onCommit: this.onCommit, onError: this.onError });
    });
  }

  private readonly onCommit = (): void => this.options.onCommit?.();
  private readonly onError = (error: unknown): void => {
    if (!this.signal.aborted) this.options.onError?.(error);
  };

  /** Those that are not by themselves. */
  get together(): GroupMember[] {
    return this.all.filter(({ isAlone }) => !isAlone);
  }

  /** Where all of them stand is known. */
  get isLoaded(): boolean {
    return this.together.every(({ loaded }) => loaded);
  }

  /** Reads anew where the live builds of members stand of which that is not known. */
  async load(): Promise<void> {
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

  /** Reads what is missing from the store, for all together; who is further behind than the others goes on alone. */
  async closeGaps(behind: readonly Behind<BuildWriter>[]): Promise<void> {
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
  async commit(parts: readonly Part[]): Promise<void> {
    const startedAt = performance.now();
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
    if (this.options.onWritten) this.tellWritten(admitted, startedAt);
    for (const { write, error } of refused) this.refuse(write.member, error);
  }

  /** Members of one write have the same events, or fewer of them. */
  private tellWritten(parts: readonly Part[], startedAt: number): void {
    let most: Batch['events'] = [];
    for (const { batch } of parts) if (batch.events.length > most.length) most = batch.events;
    if (most.length > 0) this.options.onWritten!({ events: most, ms: performance.now() - startedAt });
  }

  /** Its checkpoint moved: read anew, it may go on here. Else it has to be looked after by itself. */
  private refuse(member: GroupMember, error: unknown): void {
    member.loaded = false;
    if (!(error instanceof StaleWriter) || ++member.stale >= MOST_STALE) this.leave(member, error);
  }

  private leave(member: GroupMember, why: unknown): void {
    if (member.isAlone) return;
    if (!(why instanceof OtherVersionLive || why instanceof FarBehind)) this.onError(why);
    member.goAlone(why, this.signal, async () => {
      // Between two turns, so that nobody else has its writer in hand.
      await this.betweenTurns(async () => {
        member.writer.readOver(this.options.pipeline);
        member.comeBack();
      });
    });
  }

  private memberOf(writer: BuildWriter): GroupMember {
    return this.all.find((member) => member.writer === writer)!;
  }
}
/** How far it is behind, in positions. */
export function lagOf({ writer, targets }: Behind<BuildWriter>): bigint {
  return max([...targets].map(([partition, to]) => to - (writer.checkpoints.get(partition) ?? 0n)));
}

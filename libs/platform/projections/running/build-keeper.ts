import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '#platform/kernel/backoff.js';
import { buildsOf, liveBuild, withStatus } from '../builds/builds.js';
import { BeingRebuilt } from '../builds/half-built.js';
import type { LogReport } from '../builds/log-check.js';
import { holdingLost } from '../builds/log-guard.js';
import type { ProjectionRuntime } from '../builds/projection-runtime.js';
import { rebuild, type RebuildOptions } from '../builds/rebuild.js';
import { swapBack } from '../builds/swap-back.js';
import type { AbandonedBuilds } from './abandoned-builds.js';
import type { Model } from './build-writer.js';
import { NewerEvent } from '#platform/event-bus/consuming/pauses.js';
import { unknownToBuilds } from './unknown-events.js';

/** How often it is looked whether live builds are to be made anew, or nobody writes to one any more. */
const LOOK_MS = 5_000;

export interface BuildKeeperOptions {
  /** Its pool is for work that takes long. */
  readonly runtime: ProjectionRuntime;
  readonly models: readonly Model[];
  readonly abandoned: Pick<AbandonedBuilds, 'look'>;
  readonly signal: AbortSignal;
  /** Told of what goes wrong and is tried again. */
  readonly onError: (error: unknown) => void;
}

/** Has live builds made anew where they are not what this code makes of the log as it is now. */
export class BuildKeeper {
  private healing: Promise<void> | undefined;
  /** Builds have been marked since it was last looked which hold what is lost. */
  private unhealed = false;
  private looking: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: BuildKeeperOptions) {}

  /** Looks now and then for builds that hold envelopes of events which this code knows, and for abandoned ones. */
  start(): void {
    this.timer ??= setInterval(() => {
      this.looking ??= this.look()
        .catch(this.options.onError)
        .finally(() => (this.looking = undefined));
    }, LOOK_MS).unref();
  }

  /** Ends what is under way; the signal must have been aborted. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  /** Brings live builds of older versions to this code's from one pass over the log, or waits until another process has. */
  async upgrade(): Promise<void> {
    const { runtime, models } = this.options;
    await this.untilDone(async () => {
      const due: Model[] = [];
      for (const model of models) {
        const { name, version } = model.projection;
        const live = await liveBuild(runtime.pool, name);
        // One that is newer is left to the code that made it.
        if (!live || live.version < version) due.push(model);
      }
      if (due.length > 0) await this.bringIn(due, 'the code of this version runs again', { by: 'projection host' });
    });
  }

  /** Makes this code's builds live where nobody writes to the live one, of another version, any more. */
  async relieve(): Promise<void> {
    for (const model of await this.options.abandoned.look()) {
      const reason = 'no running process made the version that was live';
      try {
        await this.bringIn([model], reason, { acceptDifferences: { reason }, by: 'yad' });
      } catch (error) {
        // Another process is at it, or the one that was to be relieved.
        if (!(error instanceof BeingRebuilt)) this.options.onError(error);
      }
    }
  }

  /** Makes live builds anew that hold events which the log has lost. */
  async heal(lost: readonly string[]): Promise<void> {
    this.unhealed = true;
    if (this.healing) return;
    this.options.onError(new Error(`the log has lost events that ${lost.join(', ')} hold: they are rebuilt`));
    const reason = 'the live build holds events that the log has lost';
    this.healing = this.untilDone(async () => {
      // What is lost while a build is made anew may be in it, and is marked when nobody begins to heal.
      while (this.unhealed) {
        this.unhealed = false;
        try {
          const due = await this.liveOfThisVersion(await holdingLost(this.options.runtime.pool));
          if (due.length > 0) await this.rebuild(due, { compare: false, acceptDifferences: { reason }, by: 'yad' });
        } catch (error) {
          this.unhealed = true;
          throw error;
        }
      }
    }).finally(() => (this.healing = undefined));
    await this.healing;
    // Marked between the last look and now.
    if (this.unhealed && !this.options.signal.aborted) await this.heal(lost);
  }

  /** Makes live builds anew that were written by code which did not know events that this code knows. */
  async refold(quietMs?: number): Promise<void> {
    const { runtime } = this.options;
    const due = await this.liveOfThisVersion(await unknownToBuilds(runtime.pool, runtime.decoded, quietMs));
    if (due.length === 0) return;
    const reason = 'the live build was made by code that did not know some of its events';
    await this.rebuild(due, { acceptDifferences: { reason }, by: 'yad' });
  }

  /** Tries until it is done, with growing pauses; ends without a word when it is told to stop. */
  async untilDone(attempt: () => Promise<void>): Promise<void> {
    const { signal, onError } = this.options;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await attempt();
      } catch (error) {
        if (signal.aborted) return;
        onError(error);
        await sleep(backoff(failures, { firstMs: 250 }), undefined, { signal }).catch(() => {});
      }
    }
  }

  /** One of another version is made anew by the code of that version. */
  private async liveOfThisVersion(names: readonly string[]): Promise<Model[]> {
    const due: Model[] = [];
    for (const model of this.options.models) {
      const { name, version } = model.projection;
      if (!names.includes(name)) continue;
      if ((await liveBuild(this.options.runtime.pool, name))?.version === version) due.push(model);
    }
    return due;
  }

  private async look(): Promise<void> {
    await this.relieve();
    await this.refold();
  }

  /** What is kept of this version needs only to catch up; what is not is made anew. */
  private async bringIn(due: readonly Model[], reason: string, options: RebuildOptions): Promise<void> {
    const missing: Model[] = [];
    for (const model of due) if (!(await this.swapBack(model, reason))) missing.push(model);
    if (missing.length > 0) await this.rebuild(missing, options);
  }

  /** @returns false when no build of this version is kept, or it is of no use */
  private async swapBack(model: Model, reason: string): Promise<boolean> {
    const { runtime, signal, onError } = this.options;
    const { name, version } = model.projection;
    if (withStatus(await buildsOf(runtime.pool, name), 'previous')?.version !== version) return false;
    try {
      await swapBack(runtime, model, { by: 'yad', reason, signal });
      return true;
    } catch (error) {
      if (signal.aborted || error instanceof BeingRebuilt || error instanceof NewerEvent) throw error;
      onError(error);
      return false;
    }
  }

  private async rebuild(due: readonly Model[], options: RebuildOptions): Promise<void> {
    const { runtime, signal, onError } = this.options;
    const onWait = (why: string): void => onError(new Error(why));
    const onDamage = ({ holesInAll, streamsInAll }: LogReport): void =>
      onError(new Error(`the log is not whole (${holesInAll} holes, ${streamsInAll} breaks): yad replay --verify`));
    await rebuild(runtime, due, { ...options, signal, timeoutMs: Infinity, onWait, onDamage });
  }
}

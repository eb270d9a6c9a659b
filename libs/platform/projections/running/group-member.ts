import { AdoptedPartitions } from './adopted-partitions.js';
import type { BuildWriter } from './build-writer.js';
import type { Written } from './progress.js';
import { ProjectionWorker, type ProjectionWorkerOptions } from './projection-worker.js';

/** A projection that is not simply going on with the others, and why. */
export interface MemberStatus {
  readonly projection: string;
  readonly reason: string;
  /** Its live build is of another version than this code: it goes on when that is over, and nothing is wrong. */
  readonly isOtherVersion: boolean;
}

/** One projection of a process: in the group, or by itself for a while. */
export class GroupMember {
  readonly writer: BuildWriter;
  /** Where its live build stands is known, and what it holds is of there. */
  loaded = false;
  /** How often its checkpoint was found moved in this turn. */
  stale = 0;
  /** Partitions that are another process' and stand still there. */
  readonly adopted = new AdoptedPartitions();
  private forgotten = false;
  private alone: ProjectionWorker | undefined;
  /** Resolves when it is not by itself any more, or has been told to stop. */
  ended: Promise<void> = Promise.resolve();

  constructor(private readonly options: Omit<ProjectionWorkerOptions, 'adopted'>) {
    this.writer = options.writer;
  }

  get name(): string {
    return this.writer.name;
  }

  get isAlone(): boolean {
    return this.alone !== undefined;
  }

  get status(): MemberStatus | undefined {
    const { name: projection, alone } = this;
    return alone && { projection, reason: alone.reason, isOtherVersion: alone.isOtherVersion };
  }

  written(assigned: ReadonlySet<number>): Written {
    // Of what is to be read anew nothing is known for sure.
    const checkpoints: ReadonlyMap<number, bigint> = this.loaded ? this.writer.checkpoints : new Map();
    const alone = checkpoints.size > 0 && [...checkpoints.keys()].every((partition) => assigned.has(partition));
    return { name: this.name, checkpoints, alone };
  }

  /** Goes on by itself until it is level. @param back takes it into the group again */
  goAlone(why: unknown, signal: AbortSignal, back: () => Promise<void>): void {
    const { writer, options, adopted } = this;
    this.loaded = this.forgotten = false;
    writer.readOver();
    const worker = new ProjectionWorker({ ...options, adopted }, why);
    this.alone = worker;
    this.ended = worker
      .run(signal)
      .then(back)
      // It was told to stop; all else the worker tries again.
      .catch(() => {});
  }

  /** Is level: the next turn has it. */
  comeBack(): void {
    this.alone = undefined;
    this.loaded = !this.forgotten;
  }

  /** What is known may be of an incarnation of the log that is over. */
  forget(): void {
    this.loaded = false;
    this.forgotten = true;
  }
}

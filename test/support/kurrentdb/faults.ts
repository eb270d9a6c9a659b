/**
 * What a call is answered with instead of what it should be: that the server is not ready, that it waited too long, that
 * it broke, that another node leads; `cut`: all connections end; `silence`: nothing, until the client gives up.
 */
export type Failure = 'not-ready' | 'timeout' | 'broken' | 'not-leader' | 'cut' | 'silence';

export interface AppendFault {
  /** Whether the events are written `before` the answer goes wrong, as when it is lost, or not at all. */
  readonly written: boolean;
  /** The right answer when absent. */
  readonly answer?: Failure;
  /** How long the answer takes; without being written, the write, too. */
  readonly delayMs?: number;
  /** The same request arrives a second time before the answer goes out. */
  readonly twice?: boolean;
  /** How many appends; 1 when absent. */
  readonly times?: number;
}

export interface ReadFault {
  readonly of: 'read' | 'subscription';
  /** So many events come before it. */
  readonly after: number;
  readonly answer: Failure;
  readonly times?: number;
}

/** What goes wrong next, switched on by a test. Each fault hits as many calls as it says, in their order. */
export class Faults {
  /** How long each answer takes, beside what single faults say. */
  delayMs = 0;
  private readonly appends: AppendFault[] = [];
  private readonly reads: ReadFault[] = [];

  /** How many are left that have not happened. */
  get pending(): number {
    return this.appends.length + this.reads.length;
  }

  onAppend(fault: AppendFault): void {
    for (let i = 0; i < (fault.times ?? 1); i++) this.appends.push(fault);
  }

  onRead(fault: ReadFault): void {
    for (let i = 0; i < (fault.times ?? 1); i++) this.reads.push(fault);
  }

  clear(): void {
    this.appends.length = 0;
    this.reads.length = 0;
    this.delayMs = 0;
  }

  /** What happens to the append that begins now. */
  takeAppend(): AppendFault | undefined {
    return this.appends.shift();
  }

  /** What happens to the read or subscription that begins now. */
  takeRead(kind: ReadFault['of']): ReadFault | undefined {
    const index = this.reads.findIndex(({ of }) => of === kind);
    return index < 0 ? undefined : this.reads.splice(index, 1)[0];
  }
}

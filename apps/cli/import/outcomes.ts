import type { SendOutcome } from './batch-sender.js';
import type { Group } from './grouping.js';
import { RecentKeys, REMEMBERED } from './recent-keys.js';
import type { MappedCommand, PrintedCommand, SourceLine } from './mapping.js';

/** What became of the rows of the file. When all is read and answered, `read = stored + known + refused`. */
export interface RowCounts {
  read: number;
  /** Rows of which something was stored and nothing refused. */
  stored: number;
  /** Rows that the server knew already, in full. */
  known: number;
  refused: number;
}

/** What became of the commands. */
export interface CommandCounts {
  commands: number;
  /** Commands that changed something. */
  stored: number;
  /** Commands that the server had answered before. */
  repeated: number;
}

/** A group of rows some of whose commands may still wait for an answer. */
interface Waiting {
  rows: readonly SourceLine[];
  open: number;
  stored: boolean;
  refused: boolean;
}

/** What is known of one natural key. */
interface Seen {
  /** Where it came first. */
  line: number;
  print: string;
  outcome?: 'known' | 'refused';
  problem?: string;
  /** Groups that said the same before the answer came. */
  others?: Waiting[];
}

export interface OutcomesOptions {
  onRefused: (rows: readonly SourceLine[], reason: string) => void;
  onStored: (command: MappedCommand, outcome: SendOutcome) => void;
  /** How many natural keys are remembered; a repeat of an older one is sent, and the server tells. */
  remembered?: number;
}

/** Follows each row to its end: stored, known or refused, once and only once. */
export class Outcomes {
  readonly rows: RowCounts = { read: 0, stored: 0, known: 0, refused: 0 };
  readonly commands: CommandCounts = { commands: 0, stored: 0, repeated: 0 };
  private readonly seen: RecentKeys<Seen>;
  private readonly waiting = new Set<Waiting>();

  constructor(private readonly options: OutcomesOptions) {
    this.seen = new RecentKeys(options.remembered ?? REMEMBERED, ({ outcome }) => outcome !== undefined);
  }

  /** Rows that were read and have no outcome yet. */
  get open(): number {
    const { read, stored, known, refused } = this.rows;
    return read - stored - known - refused;
  }

  /** The first line that still waits for an answer. */
  firstWaiting(): number {
    let first = Infinity;
    for (const { rows } of this.waiting) first = Math.min(first, rows[0]!.number);
    return first;
  }

  /** Rows that no command is made of. */
  refuse(rows: readonly SourceLine[], reason: string): void {
    this.rows.refused += rows.length;
    this.options.onRefused(rows, reason);
  }

  /**
   * Takes the commands of a group, and gives those that have to be sent, each with where its answer goes. One whose
   * natural key came before, with the same content, is not sent again; with other content, the whole group is refused.
   */
  take(
    { lines }: Group,
    commands: readonly PrintedCommand[],
  ): { command: PrintedCommand; onOutcome: (outcome: SendOutcome) => void }[] {
    const own = new Map<string, string>();
    for (const { command, thing, print } of commands) {
      const before = this.seen.get(thing);
      if (before ? before.print === print : (own.get(thing) ?? print) === print) {
        own.set(thing, print);
        continue;
      }
      const where = before ? `line ${before.line}` : 'another command of the same row';
      this.refuse(lines, `${command}: the same natural key as ${where}, with other content`);
      return [];
    }
    const waiting: Waiting = { rows: lines, open: commands.length, stored: false, refused: false };
    this.waiting.add(waiting);
    const toSend: ReturnType<Outcomes['take']> = [];
    for (const command of commands) {
      const before = this.seen.get(command.thing);
      if (!before) {
        const seen: Seen = { line: lines[0]!.number, print: command.print };
        this.seen.set(command.thing, seen);
        this.commands.commands++;
        const { inputText: _sent, ...kept } = command;
        toSend.push({ command, onOutcome: (outcome) => this.answered(kept, seen, waiting, outcome) });
      } else if (before.outcome) this.settle(waiting, before.outcome, before.problem);
      else (before.others ??= []).push(waiting);
    }
    return toSend;
  }

  /** Takes a group whose commands were all answered in an import that was stopped, and none of them refused. */
  takeKnown({ lines }: Group, commands: readonly PrintedCommand[]): void {
    this.rows.known += lines.length;
    for (const { thing, print } of commands) {
      if (!this.seen.has(thing)) this.seen.set(thing, { line: lines[0]!.number, print, outcome: 'known' });
    }
  }

  private answered(
    command: Omit<PrintedCommand, 'inputText'>,
    seen: Seen,
    waiting: Waiting,
    outcome: SendOutcome,
  ): void {
    const { repeated: answered, events, reused } = outcome;
    // Nothing but what the first one has the word in can be otherwise under this key, and the first one came before.
    const repeated = answered || (reused && command.firstCounts);
    const problem = repeated ? undefined : outcome.problem;
    if (problem !== undefined) {
      seen.outcome = 'refused';
      seen.problem = `${command.command}: ${problem}`;
      // The server has other content under this key, which a later row may be the same as: only the server knows.
      if (outcome.reused && this.seen.get(command.thing) === seen) this.seen.delete(command.thing);
    } else {
      seen.outcome = 'known';
      if (repeated) this.commands.repeated++;
      else if (events > 0) this.commands.stored++;
      this.options.onStored(command, outcome);
    }
    const stored = problem === undefined && !repeated && events > 0;
    this.settle(waiting, stored ? 'stored' : seen.outcome, seen.problem);
    for (const other of seen.others ?? []) this.settle(other, seen.outcome, seen.problem);
    seen.others = undefined;
  }

  private settle(waiting: Waiting, outcome: 'stored' | 'known' | 'refused', problem?: string): void {
    if (outcome === 'stored') waiting.stored = true;
    if (outcome === 'refused') {
      if (!waiting.refused) this.options.onRefused(waiting.rows, problem!);
      waiting.refused = true;
    }
    if (--waiting.open > 0) return;
    this.waiting.delete(waiting);
    this.rows[waiting.refused ? 'refused' : waiting.stored ? 'stored' : 'known'] += waiting.rows.length;
  }
}

import { randomBytes } from 'node:crypto';
import { newId } from '#platform/kernel/ids.js';
import { LogIdentity, type Incarnation, type SeenEvent } from '../log-identity.js';
import type { KurrentConnection } from './connection.js';
import { Violated } from './errors.js';
import type { Names } from './names.js';
import { incarnationRecordOf, ownBodyOf, probeRecordOf } from './receipt-records.js';
import { positionOf, type RawRecord } from './records.js';

/** Incarnations of a log at most: each is a fail-over that lost something, or a restore. */
const MOST_INCARNATIONS = 10_000;

interface LogBody {
  /** Of the log, with its first incarnation. */
  readonly id?: string;
  readonly secret?: string;
  readonly incarnation: { number: number; id: string; forkedAt: string; follows: string; beginsAt: string };
  readonly reason: string;
}

/**
 * Which log this is, as a stream of its own tells: its id and secret, and a record for each incarnation. Held against
 * the server at the start, and again after an error that may mean that another server answers now: one that was put back
 * from a copy lacks what was seen here.
 */
export class KurrentAttachment {
  private known: LogIdentity | undefined;
  private attaching: Promise<void> | undefined;
  private isDoubtful = true;
  private readonly listeners = new Set<(identity: LogIdentity) => void>();

  /** @param seen the last event that somebody has seen in the log */
  constructor(
    private readonly connection: KurrentConnection,
    private readonly names: Names,
    private seen: SeenEvent | undefined,
  ) {}

  /** @throws Error before the first look */
  get log(): LogIdentity {
    if (!this.known) throw new Error('the store has not been connected yet');
    return this.known;
  }

  /** Of the last record of the log's own stream. An append that expects it is one of this incarnation. */
  get logRevision(): number {
    return this.log.incarnations.length - 1;
  }

  onIncarnation(listener: (identity: LogIdentity) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Takes note of an event that the log is known to hold. */
  saw(position: bigint, event: string): void {
    if (this.seen && position <= this.seen.position) return;
    this.seen = { position, event, incarnation: this.known?.current.number ?? 0 };
  }

  /** From now on nothing is read or written before the log was looked at again. */
  doubt(): void {
    this.isDoubtful = true;
  }

  /** Looks at the log where that is due. */
  async ready(): Promise<void> {
    if (this.isDoubtful) await this.attach();
  }

  /** Looks at the log, once for all who ask meanwhile. */
  attach(): Promise<void> {
    this.attaching ??= this.look().finally(() => (this.attaching = undefined));
    return this.attaching;
  }

  private async look(): Promise<void> {
    let found = await this.read();
    if (!found) {
      await this.begin({
        id: newId(),
        secret: randomBytes(32).toString('hex'),
        ...{ incarnation: incarnationBody(1, 0n, 0n), reason: 'the log was made' },
      });
      found = await this.read();
      if (!found) throw new Error('the log was made, and is not there');
    } else if (!this.known) await this.assertWritable();
    if (this.known && found.id !== this.known.id) {
      throw new Error(`the log ${this.known.id} was expected here, and this is ${found.id}`);
    }
    const { seen } = this;
    // What a later incarnation has cut off is missing for a reason that is on record.
    const isExpected = seen !== undefined && !found.isLost(seen.position, seen.incarnation);
    if (seen && isExpected && seen.position > 0n) {
      const there = await this.at(seen.position);
      if (there?.id !== seen.event) found = await this.beginAnother(found, there !== undefined);
    }
    const before = this.known;
    this.known = found;
    this.isDoubtful = false;
    if (!before) {
      // The first look has said what became of it; no further one asks again.
      if (seen && found.isLost(seen.position, seen.incarnation)) this.seen = undefined;
      return;
    }
    if (found.current.number === before.current.number) return;
    if (this.seen && found.isLost(this.seen.position, this.seen.incarnation)) this.seen = undefined;
    for (const listener of this.listeners) listener(found);
  }

  /** @throws ServerTooOld; Error that says why nothing can be appended */
  async assertWritable(): Promise<void> {
    const records = [probeRecordOf(this.names)];
    try {
      // The log's stream is there: the leader takes the append, looks, and refuses it.
      await this.connection.append({ records, expected: [{ of: 'log', revision: -1 }] });
    } catch (error) {
      if (!(error instanceof Violated)) throw error;
    }
  }

  /** The event that is at a position now; a log that was put back from a copy may be shorter, or written anew since. */
  private async at(position: bigint): Promise<RawRecord | undefined> {
    const head = await this.connection.readHead();
    if (!head || positionOf(head) < position || !(await this.connection.isRecord(position))) return undefined;
    for await (const raw of this.connection.readAll(position, 1)) return positionOf(raw) === position ? raw : undefined;
    return undefined;
  }

  private async read(): Promise<LogIdentity | undefined> {
    const bodies: LogBody[] = [];
    for await (const raw of this.connection.readStream(this.names.log, { limit: MOST_INCARNATIONS })) {
      bodies.push(ownBodyOf(raw) as LogBody);
    }
    const [first] = bodies;
    if (!first) return undefined;
    const incarnations = bodies.map(({ incarnation: { number, id, forkedAt, follows, beginsAt } }): Incarnation => ({
      number,
      id,
      forkedAt: BigInt(forkedAt),
      follows: BigInt(follows),
      beginsAt: BigInt(beginsAt),
    }));
    return new LogIdentity(first.id!, Buffer.from(first.secret!, 'hex'), incarnations, 'sparse');
  }

  /** @param isAnother positions were given again before anybody noticed: nothing told before can be relied on */
  private async beginAnother(found: LogIdentity, isAnother: boolean): Promise<LogIdentity> {
    const head = await this.connection.readHead();
    const follows = head ? positionOf(head) : 0n;
    const number = found.current.number + 1;
    const incarnation = incarnationBody(number, isAnother ? 0n : follows, follows);
    await this.begin(
      { incarnation, reason: isAnother ? 'positions were given twice' : 'commits were lost' },
      number - 2,
    );
    return (await this.read())!;
  }

  private async begin(body: LogBody, expected = -1): Promise<void> {
    const records = [incarnationRecordOf(this.names, body)];
    try {
      await this.connection.append({ records, expected: [{ of: 'log', revision: expected }] });
    } catch (error) {
      // Another process was first, and has said the same.
      if (!(error instanceof Violated)) throw error;
    }
  }
}

const incarnationBody = (number: number, forkedAt: bigint, follows: bigint): LogBody['incarnation'] => ({
  number,
  id: newId(),
  forkedAt: String(forkedAt),
  follows: String(follows),
  beginsAt: String(follows + 1n),
});

import { YadError } from '#platform/kernel/errors.js';
import type { PoolClient } from '#platform/postgres/pool.js';
import { LogIdentity, type Incarnation, type SeenEvent } from '../log-identity.js';

/** The log lies on another server than the one it was written on; a person has to say what that means. */
export class LogMoved extends YadError {
  readonly kind = 'log-moved';
  constructor(what: string) {
    super(
      `${what}. If it was moved or restored there and goes on, say \`yad log continue\`; ` +
        `if it is a copy beside the one that goes on, say \`yad log fork\``,
    );
  }
}

/** This address leads to another log than before, or to a part of it that was left behind. */
export class AnotherLog extends YadError {
  readonly kind = 'another-log';
}

interface Answer {
  readonly id: string;
  readonly secret: string;
  readonly incarnations: readonly { number: number; id: string; forkedAt: string; follows: string; beginsAt: string }[];
}

const NOTHING = { position: 0n, event: null, incarnation: 0 } as const;

/**
 * What this process knows of the log, held against the server on every new connection: which log and incarnation it
 * is, and whether it still has the last event that was seen here. Nothing is read or written on a connection before.
 */
export class Attachment {
  private identity: LogIdentity | undefined;
  private readonly listeners = new Set<(identity: LogIdentity) => void>();
  private seen: SeenEvent | typeof NOTHING;

  /** @param seen what somebody else has seen in the log, and the first connection is to look for */
  constructor(seen: SeenEvent | undefined) {
    this.seen = seen ?? NOTHING;
  }

  /** @throws Error before the first connection */
  get log(): LogIdentity {
    if (!this.identity) throw new Error('the store has not been connected yet');
    return this.identity;
  }

  onIncarnation(listener: (identity: LogIdentity) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Takes note of an event that the log is known to hold. */
  saw(position: bigint, event: string): void {
    if (position > this.seen.position) {
      this.seen = { position, event, incarnation: this.identity?.current.number ?? 0 };
    }
  }

  /**
   * Holds a new connection's server against what is known. Listeners are called before it resolves.
   * @throws LogMoved, AnotherLog: the connection is not to be used
   */
  async attach(client: Pick<PoolClient, 'query'>): Promise<void> {
    const { position, event, incarnation } = this.seen;
    try {
      const { rows } = await client.query<{ log: Answer }>(`select store.attach($1, $2, $3) as log`, [
        position,
        event,
        incarnation,
      ]);
      this.adopt(identityOf(rows[0]!.log));
    } catch (error) {
      throw (error as { code?: string }).code === 'YD421' ? new LogMoved((error as Error).message) : error;
    }
  }

  private adopt(found: LogIdentity): void {
    const known = this.identity;
    if (!known) {
      this.identity = found;
      // The first connection has looked for it: missing, it is lost for good, and no further connection looks again.
      this.seen = NOTHING;
      return;
    }
    if (found.id !== known.id) throw new AnotherLog(`the log ${known.id} was expected here, and this is ${found.id}`);
    const last = known.current;
    const same = found.incarnations.find(({ number }) => number === last.number);
    if (!same)
      throw new AnotherLog(`incarnation ${last.number} of the log is known, and this server has not got so far`);
    if (same.id !== last.id)
      throw new AnotherLog(`incarnation ${last.number} of the log began twice: here and elsewhere`);
    if (found.current.number === last.number) return;
    this.identity = found;
    if (found.isLost(this.seen.position, this.seen.incarnation)) {
      this.seen = NOTHING;
    }
    for (const listener of this.listeners) listener(found);
  }
}

function identityOf({ id, secret, incarnations }: Answer): LogIdentity {
  const parsed = incarnations.map(({ number, id, forkedAt, follows, beginsAt }): Incarnation => ({
    number,
    id,
    forkedAt: BigInt(forkedAt),
    follows: BigInt(follows),
    beginsAt: BigInt(beginsAt),
  }));
  return new LogIdentity(id, Buffer.from(secret, 'hex'), parsed);
}

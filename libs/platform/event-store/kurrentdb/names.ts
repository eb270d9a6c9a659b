import { isId } from '#platform/kernel/ids.js';
import type { StreamId } from '#platform/kernel/envelope.js';
import type { Reservation } from '../event-store.js';

const ID_LENGTH = 36;

/**
 * What the log's streams are called. Events: `yad.order-<id>`, so that a category of the server's is an aggregate. All
 * else that is kept has a dash in the place of the dot, and no reader of events meets it.
 */
export class Names {
  /** What the names of streams of events begin with, and no other of this log. */
  readonly beginning: string;
  /** Which log this is, and its incarnations. */
  readonly log: string;

  constructor(private readonly prefix: string) {
    this.beginning = `${prefix}.`;
    this.log = `${prefix}-log`;
  }

  stream({ aggregate, aggregateId }: StreamId): string {
    return `${this.beginning}${aggregate}-${aggregateId}`;
  }

  /** The receipt of a command: that it is there is what keeps the command from being stored twice. */
  command(commandId: string): string {
    return `${this.prefix}-command-${commandId}`;
  }

  /** The stream that has a key. */
  key({ scope, key }: Pick<Reservation, 'scope' | 'key'>): string {
    return `${this.prefix}-key-${scope}-${key.toString('hex')}`;
  }

  /** Where nothing is ever written: what is tried there fails by its check. */
  get probe(): string {
    return `${this.prefix}-probe`;
  }

  /** @throws Error for a name that is not one of a stream of events */
  streamIdOf(name: string): StreamId {
    const aggregateId = name.slice(-ID_LENGTH);
    const dash = name.length - ID_LENGTH - 1;
    const aggregate = name.slice(this.beginning.length, dash);
    if (!name.startsWith(this.beginning) || name[dash] !== '-' || aggregate === '' || !isId(aggregateId)) {
      throw new Error(`the stream ${name} is none of Yad's, though its name begins with ${this.beginning}`);
    }
    return { aggregate, aggregateId };
  }
}

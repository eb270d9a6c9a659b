import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { backoff } from '#platform/kernel/backoff.js';
import { consoleLog, type BusLog } from '../bus-log.js';
import { pause } from '../pause.js';
import { PARTITIONER, partitionOf, type BusMessage, type BusPublisher } from '../event-bus.js';
import { Checkpointer } from './checkpointer.js';
import { ReadAheadBuffer } from './read-ahead-buffer.js';
import type { Lease, RelayState } from './relay-state.js';

/** Events may have megabytes: what is held of them is bounded in characters too. */
const AHEAD_CHARACTERS = 16 * 1024 * 1024;
const BATCH_CHARACTERS = 4 * 1024 * 1024;

export interface RelayOptions {
  store: EventStore;
  publisher: BusPublisher;
  state: RelayState;
  /** How long the lease outlives its holder: the longest pause after a crash. */
  leaseMs?: number;
  /** Events read ahead of the send under way. */
  readAhead?: number;
  /** Characters of theirs, a page more at most. */
  readAheadCharacters?: number;
  /** Events in one send. */
  batch?: number;
  /** Characters of theirs, unless the first alone has more. */
  batchCharacters?: number;
  log?: BusLog;
  /** Told of each send that was done, and how long it took, in milliseconds. */
  onPublished?: (events: readonly StoredEvent[], ms: number) => void;
}

export interface RelayStatus {
  role: 'waiting' | 'active' | 'ended';
  /** Everything at or below is on the bus, as far as this process knows. */
  position: bigint;
}

/**
 * Takes events from the store to the bus: in order, at least once, one relay at a time. A second one waits for the
 * lease; one that lost it without noticing can only send repeats, which consumers drop.
 */
export class Relay {
  private readonly holder = randomUUID();
  private readonly stop = new AbortController();
  private readonly leaseMs: number;
  private readonly log: BusLog;
  private current: RelayStatus = { role: 'waiting', position: 0n };

  constructor(private readonly options: RelayOptions) {
    this.leaseMs = options.leaseMs ?? 5000;
    this.log = options.log ?? consoleLog;
  }

  get status(): RelayStatus {
    return this.current;
  }

  /**
   * Runs until `close`.
   * @throws Error when going on cannot help (the message is too large, the topic does not fit): end the process.
   */
  async run(): Promise<void> {
    const { signal } = this.stop;
    try {
      for (let failures = 0; !signal.aborted;) {
        try {
          const { store, state, publisher } = this.options;
          const placement = { partitions: publisher.partitions, partitioner: PARTITIONER };
          const lease = await state.acquire(this.holder, this.leaseMs, store.identity.id, placement);
          failures = 0;
          if (lease) await this.lead(lease);
          else await pause(this.leaseMs / 5, signal);
        } catch (error) {
          if (error instanceof PublishFailed) throw error.cause;
          this.log.warn('relay: cannot go on, trying again', error);
          await pause(backoff(++failures, { capMs: 2000 }), signal);
        }
      }
    } finally {
      this.current = { role: 'ended', position: this.current.position };
    }
  }

  /** Lets the send under way finish, records it, gives the lease back. `run` resolves then. */
  close(): void {
    this.stop.abort();
  }

  /**
   * The lease as of the log that is there now: what was published of a lost incarnation counts no more. A partition
   * then ends where the log was forked, which its consumers read the store up to.
   */
  private async held(lease: Lease): Promise<Lease> {
    const { store } = this.options;
    const { position: head } = await store.head();
    const { identity } = store;
    const within = (position: bigint): bigint => {
      const held = lease.incarnation > 0 ? identity.heldThrough(position, lease.incarnation) : position;
      return held < head ? held : head;
    };
    const { number: incarnation } = identity.current;
    const position = within(lease.position);
    if (position < lease.position) {
      this.log.warn(`relay: ${lease.position} was published, but the log holds no more than ${position} of that`);
    }
    const moved = [...lease.heads].some(([, at]) => within(at) !== at);
    const heads = moved ? new Map([...lease.heads].map(([partition, at]) => [partition, within(at)])) : lease.heads;
    return { ...lease, incarnation, position, heads };
  }

  /** Before anything of an incarnation is published: told again where it is not on record that it was told. */
  private async tellForks({ toldThrough, incarnation }: Lease): Promise<void> {
    const { store, publisher } = this.options;
    const forks = store.identity.incarnations.slice(1).filter(({ number }) => number > toldThrough);
    const known = forks.filter(({ number }) => number <= incarnation);
    if (known.length === 0) return;
    await publisher.tellForks(known).catch((error: unknown) => {
      throw new PublishFailed(error);
    });
  }

  private async lead(taken: Lease): Promise<void> {
    const { store, publisher, state, readAhead = 4000, batch = 1000 } = this.options;
    const lease = await this.held(taken);
    checkPlacement(lease, publisher.partitions);
    await this.tellForks(lease);
    const turn = new AbortController();
    // Each wait on the store listens to it for a moment; that is no leak.
    setMaxListeners(0, turn.signal);
    const end = (): void => turn.abort();
    this.stop.signal.addEventListener('abort', end, { once: true });
    // What was read and not sent may be lost, and where the partitions end likewise: it is all taken up anew.
    const unwatch = store.onIncarnation(end);
    if (this.stop.signal.aborted || store.identity.current.number !== lease.incarnation) end();
    this.current = { role: 'active', position: lease.position };
    const checkpointer = new Checkpointer(state, lease, this.leaseMs, this.log, end);
    if (lease.position !== taken.position || lease.heads !== taken.heads) {
      checkpointer.startOver(lease.position, lease.heads);
    }
    const { readAheadCharacters = AHEAD_CHARACTERS, batchCharacters = BATCH_CHARACTERS } = this.options;
    const bound = { events: readAhead, characters: readAheadCharacters };
    const reader = new ReadAheadBuffer(store, lease.position, bound, turn.signal);
    const heads = Array.from({ length: publisher.partitions }, () => 0n);
    for (const [partition, position] of lease.heads) heads[partition] = position;
    try {
      for (;;) {
        const events = await reader.take(batch, batchCharacters);
        if (events.length === 0) break;
        const startedAt = performance.now();
        const messages = chained(events, heads);
        await publisher.publish(messages).catch((error: unknown) => {
          throw new PublishFailed(error);
        });
        this.options.onPublished?.(events, performance.now() - startedAt);
        const position = events.at(-1)!.position;
        this.current = { role: 'active', position };
        checkpointer.move(position, messages);
      }
    } finally {
      turn.abort();
      unwatch();
      this.stop.signal.removeEventListener('abort', end);
      this.current = { role: 'waiting', position: this.current.position };
      await reader.ended.catch(() => {});
      await checkpointer.close();
    }
    await reader.ended;
  }
}

/**
 * A log that was published in other partitions is not gone on with: a customer's events would lie in two of them.
 * @throws PublishFailed
 */
function checkPlacement({ placement, position }: Lease, partitions: number): void {
  if (placement?.partitioner !== PARTITIONER) {
    const other = placement ? `by ${placement.partitioner}` : 'by an older version of Yad, which did not use it';
    throw new PublishFailed(
      new Error(
        `partitions are told by ${PARTITIONER}, but the log was published up to ${position} ${other}: name a new topic ` +
          `(YAD_TOPIC), and have all published there (yad relay rewind --from 1)`,
      ),
    );
  }
  if (placement.partitions === partitions) return;
  throw new PublishFailed(
    new Error(
      `the log was published in ${placement.partitions} partitions, but there are ${partitions} now: set ` +
        `YAD_PARTITIONS as before; a customer's events must stay in one partition, however many the topic has`,
    ),
  );
}

/** The publisher gave up: what it throws, it throws for good. */
class PublishFailed extends Error {
  constructor(override readonly cause: unknown) {
    super('publishing failed');
  }
}

/**
 * Messages for events, each with the position before it in its partition; `heads` moves on. The last of each partition
 * says where all partitions end, so that a reader knows without asking what it has to wait for.
 */
function chained(events: readonly StoredEvent[], heads: bigint[]): BusMessage[] {
  const last = new Map<number, number>();
  const messages = events.map((event, at): BusMessage => {
    const partition = partitionOf(event.subject, heads.length);
    const message = { partition, event, previous: heads[partition]! };
    heads[partition] = event.position;
    last.set(partition, at);
    return message;
  });
  const ends = heads.flatMap((head, partition): [number, bigint][] => (head > 0n ? [[partition, head]] : []));
  const published = { position: events.at(-1)!.position, heads: new Map(ends) };
  for (const at of last.values()) messages[at] = { ...messages[at]!, published };
  return messages;
}

import type { StoredEvent } from '#platform/kernel/envelope.js';

export { PARTITIONER, partitionOf } from './partitioner.js';

/** The topic of events where no setting names another, and its partitions. */
export const usualTopic = { name: 'yad.events', partitions: 6 } as const;

/** One event as the bus carries it: with its partition and the position before it there. */
export interface BusMessage {
  readonly partition: number;
  readonly event: StoredEvent;
  /** Position of the event before this one in the partition; 0 for the first. */
  readonly previous: bigint;
  /** On the last message of each partition in a send. */
  readonly published?: Published;
}

/** What is on the bus: everything through `position`; the last event of each partition that has any. */
export interface Published {
  readonly position: bigint;
  readonly heads: ReadonlyMap<number, bigint>;
}

/** What a consumer is handed at once: messages of one or more partitions, in order within each. */
export interface Delivery {
  readonly messages: readonly BusMessage[];
  /**
   * Set when the delivery is known to be all that its partitions have up to this position (the local bus knows;
   * Kafka does not): the consumer's checkpoint may move here even in partitions without a message.
   */
  readonly through?: bigint;
  readonly partitions: readonly number[];
}

export interface Consumer {
  /** Where a partition's reading starts when it is assigned: what is already held. */
  checkpoints(partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>>;
  /** Resolves when the delivery is durable in the read models. Rejects when it could not be: it comes again. */
  deliver(delivery: Delivery): Promise<void>;
}

export interface Subscription {
  /** Stops fetching, waits for the delivery under way. */
  close(): Promise<void>;
}

/** Takes events from the store to consumers: at least once, in order per partition. The consumer makes it exactly once. */
export interface EventBus {
  readonly partitions: number;
  /** Starts a member of a consumer group; partitions are shared out among the members. */
  subscribe(group: string, consumer: Consumer): Promise<Subscription>;
  close(): Promise<void>;
}

/** Where the log went on without what it lost: the beginning of an incarnation. */
export interface LogFork {
  /** Of the incarnation that begins. */
  readonly number: number;
  readonly id: string;
  /** The last position that is still in the log. */
  readonly forkedAt: bigint;
  /** The first position that is given from then on. */
  readonly beginsAt: bigint;
}

/** The writing side, which the relay uses. */
export interface BusPublisher {
  readonly partitions: number;
  /** Resolves when all replicas have them, in order. */
  publish(messages: readonly BusMessage[]): Promise<void>;
  /**
   * Says in every partition that the log goes on without what it lost where each of these began, so that consumers can
   * undo it. Resolves when all replicas have it, before anything that is published next.
   */
  tellForks(forks: readonly LogFork[]): Promise<void>;
  close(): Promise<void>;
}

import type { Consumer as KafkaConsumer, EachBatchPayload, Kafka } from 'kafkajs';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { backoff } from '#platform/kernel/backoff.js';
import type { BusLog } from '../bus-log.js';
import { pause } from '../pause.js';
import type { BusMessage, Consumer, Subscription } from '../event-bus.js';
import { createClient, within, type KafkaConnection } from './client.js';
import { readMessage } from './cloud-event.js';
import { DeliveryQueue } from './delivery-queue.js';
import { leaveGroup } from './leave-group.js';
import type { MessageAuthenticator } from './message-authenticator.js';
import { OffsetCommits, type Offsets } from './offset-commits.js';
import type { RefusedMessages } from './refused-messages.js';
import { StallWatch } from './stall-watch.js';
import { ensureTopic, PartitionsMismatch, surplusOf, type Topic } from './topic.js';

/** What the relay has put on Kafka, and the store it came from. */
export interface PublishedPositions {
  /** Last position per partition that is on Kafka. */
  heads(): Promise<ReadonlyMap<number, bigint>>;
  eventAt(position: bigint): Promise<StoredEvent | undefined>;
}

export interface KafkaMemberOptions {
  connection: KafkaConnection;
  topic: Topic;
  onFatal: (error: Error) => void;
  published: PublishedPositions | undefined;
  stallMs: number;
  log: BusLog;
  authenticator: MessageAuthenticator;
  refused: RefusedMessages;
}

/** What one joining of the group brought. */
interface Assignment {
  partitions: readonly number[];
  /** Up to where each partition is held or handed over; loaded from the consumer's checkpoints. */
  deliveredPositions: Promise<Map<number, bigint>>;
}

const HEARTBEAT_MS = 500;
const METADATA_MS = 10_000;
const SESSION_MS = 10_000;

/** One member of a consumer group, which heals itself: every ending of kafkajs is a restart or `onFatal`. */
export class KafkaMember implements Subscription {
  private readonly kafka: Kafka;
  private readonly stop = new AbortController();
  private readonly queue: DeliveryQueue;
  private readonly watch: StallWatch | undefined;
  private consumer: KafkaConsumer | undefined;
  private assignment: Assignment | undefined;
  private memberId: string | undefined;
  private restarting: Promise<void> | undefined;
  private broken = false;
  /** What was unsafe about the topic when this member connected. */
  warnings: readonly string[] = [];
  private readonly commits = new OffsetCommits((offsets) => this.commitOffsets(offsets));
  /** By partition, the delivery that was handed over last: true when it is durable. */
  private readonly underWay = new Map<number, Promise<boolean>>();

  constructor(
    private readonly group: string,
    private readonly target: Consumer,
    private readonly options: KafkaMemberOptions,
  ) {
    // Many short tries: kafkajs' own backing off kept consumers away for 14 s after an outage of 8.
    this.kafka = createClient(options.connection, { retries: 5 });
    this.queue = new DeliveryQueue(target, HEARTBEAT_MS, this.stop.signal, group, options.log);
    if (options.published) {
      this.watch = new StallWatch(options.published, options.stallMs, {
        partitions: () => (this.queue.busy || this.restarting ? [] : (this.assignment?.partitions ?? [])),
        reached: async () => (await this.assignment?.deliveredPositions) ?? new Map<number, bigint>(),
        restart: (partitions) =>
          this.restart(`partitions ${partitions.join(', ')} stand still behind what is published`),
        deliver: (message) => this.deliverDirectly(message),
        log: options.log,
      });
    }
  }

  async start(): Promise<void> {
    try {
      await this.connect();
    } catch (error) {
      if (error instanceof PartitionsMismatch) {
        this.stop.abort();
        throw error;
      }
      this.restart('kafka cannot be reached', error);
    }
    this.watch?.start();
    this.commits.start();
  }

  async close(): Promise<void> {
    this.stop.abort();
    this.watch?.stop();
    await this.restarting;
    await this.queue.idle();
    this.commits.stop();
    await this.commits.flush();
    await this.drop();
  }

  private async connect(): Promise<void> {
    const { topic, onFatal } = this.options;
    const { partitions, errors, warnings } = await ensureTopic(this.kafka, topic);
    if (partitions > topic.partitions) this.options.log.warn(surplusOf(topic, partitions));
    // What stops the relay does not stop what was published before.
    this.warnings = [...errors, ...warnings];
    let mayRestart = false;
    const consumer = this.kafka.consumer({
      groupId: this.group,
      sessionTimeout: SESSION_MS,
      rebalanceTimeout: 15_000,
      heartbeatInterval: HEARTBEAT_MS,
      minBytes: 1,
      maxWaitTimeInMs: 250,
      maxBytesPerPartition: 256 * 1024,
      // The first message comes whatever its size, others only within this.
      maxBytes: 8 * 1024 * 1024,
      allowAutoTopicCreation: false,
      // Added partitions are shared out after this; kafkajs takes five minutes for it.
      metadataMaxAge: METADATA_MS,
      retry: {
        initialRetryTime: 100,
        maxRetryTime: 500,
        retries: 5,
        // Asked only when a restart could help. We restart by ourselves: kafkajs would forget its member id.
        restartOnFailure: async () => {
          mayRestart = true;
          return false;
        },
      },
    });
    this.consumer = consumer;
    const current = (): boolean => this.consumer === consumer && !this.stop.signal.aborted;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      // One that was given up may still be joining.
      if (!current()) return;
      this.memberId = payload.memberId;
      const assigned = payload.memberAssignment[topic.name] ?? [];
      const own = assigned.filter((partition) => partition < topic.partitions);
      if (own.length < assigned.length) this.options.log.warn(surplusOf(topic, Math.max(...assigned) + 1));
      this.assign(own);
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!current()) return;
      if (mayRestart) return this.restart('the consumer crashed', payload.error);
      this.stop.abort();
      onFatal(payload.error);
    });
    // kafkajs asks again over the same connection, for ever where its peer is gone without a word.
    consumer.on(consumer.events.REQUEST_TIMEOUT, ({ payload: { broker, apiName, pendingDuration } }) => {
      if (current()) this.restart(`${broker} has not answered ${apiName} for ${pendingDuration} ms`);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic.name], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: topic.partitions,
      eachBatch: (payload) => this.eachBatch(payload, consumer),
    });
  }

  /** Reading goes on from the committed offsets; what is held already is dropped by its position. */
  private assign(partitions: readonly number[]): void {
    this.commits.forget();
    this.underWay.clear();
    const deliveredPositions = (async () => {
      for (let failures = 1; ; failures++) {
        try {
          return new Map(await this.target.checkpoints(partitions));
        } catch (error) {
          if (this.stop.signal.aborted) throw error;
          this.options.log.warn(`kafka: ${this.group} cannot read its checkpoints, trying again (${failures})`, error);
          await pause(backoff(failures), this.stop.signal);
        }
      }
    })();
    deliveredPositions.catch(() => {});
    this.assignment = { partitions, deliveredPositions };
  }

  private async eachBatch(payload: EachBatchPayload, consumer: KafkaConsumer): Promise<void> {
    const { batch, heartbeat, isRunning, isStale, resolveOffset } = payload;
    const { assignment } = this;
    if (!assignment || this.consumer !== consumer || !isRunning() || isStale()) return;
    if (batch.partition >= this.options.topic.partitions) {
      this.options.log.warn(`kafka: partition ${batch.partition} is not one of ours, its messages are passed over`);
      return resolveOffset(batch.lastOffset());
    }
    const deliveredPositions = await assignment.deliveredPositions;
    const messages = this.decode(batch.partition, batch.messages, deliveredPositions.get(batch.partition) ?? 0n);
    const isCurrent = (): boolean => isRunning() && this.assignment === assignment && this.consumer === consumer;
    const settle = (durable: boolean): void => {
      if (durable && isCurrent()) this.commits.set(batch.partition, (BigInt(batch.lastOffset()) + 1n).toString());
    };
    // Repeats say nothing of what came before them and is still being written.
    if (messages.length === 0) void (this.underWay.get(batch.partition) ?? Promise.resolve(true)).then(settle, none);
    else {
      const deliveredPosition = deliveredPositions.get(batch.partition) ?? 0n;
      deliveredPositions.set(batch.partition, messages.at(-1)!.event.position);
      // What was not written is read again: kafkajs has gone on, and so has the delivered position.
      const again = (): void => {
        if (!isCurrent()) return;
        deliveredPositions.set(batch.partition, deliveredPosition);
        consumer.seek({ topic: batch.topic, partition: batch.partition, offset: batch.firstOffset()! });
      };
      const delivered = this.queue.push({ partition: batch.partition, messages, heartbeat, isCurrent }).then(
        (durable) => {
          if (!durable) again();
          settle(durable);
          return durable;
        },
        (error: unknown) => {
          again();
          throw error;
        },
      );
      // kafkajs fetches again when all batches of a fetch are done: it may go on while these are being written, as
      // offsets are only committed for what is durable. A lost membership it hears of by its own heartbeat.
      delivered.catch(() => {});
      this.underWay.set(batch.partition, delivered);
      if (this.queue.full) await delivered;
    }
    resolveOffset(batch.lastOffset());
  }

  /** Repeats, from a relay that sent again or a rewound offset, end here, before they are parsed. */
  private decode(
    partition: number,
    batch: EachBatchPayload['batch']['messages'],
    deliveredPosition: bigint,
  ): BusMessage[] {
    const messages: BusMessage[] = [];
    let at = deliveredPosition;
    const { authenticator, refused } = this.options;
    for (const message of batch) {
      // What should have been here is missed by the next message's `previous`, and read from the store.
      const reading = readMessage(message, partition, at, authenticator);
      if (reading.is === 'event') {
        messages.push(reading.message);
        at = reading.message.event.position;
      } else if (reading.is === 'refused') refused.add(reading.why, `${partition}/${message.offset}`);
      else if (reading.is === 'fork') refused.forks++;
    }
    return messages;
  }

  private async commitOffsets(offsets: Offsets): Promise<void> {
    const { consumer } = this;
    if (!consumer) throw new Error('not connected');
    const topic = this.options.topic.name;
    const commits = [...offsets].map(([partition, offset]) => ({ topic, partition, offset }));
    await within(2000, 'committing offsets', consumer.commitOffsets(commits));
  }

  private async deliverDirectly(message: BusMessage): Promise<void> {
    const { assignment } = this;
    const { partition, event } = message;
    const isCurrent = (): boolean => this.assignment === assignment;
    if (await this.queue.push({ partition, messages: [message], heartbeat: none, isCurrent })) {
      (await assignment?.deliveredPositions)?.set(partition, event.position);
    }
  }

  private restart(why: string, cause?: unknown): void {
    if (this.stop.signal.aborted) return;
    this.options.log.warn(`kafka: ${this.group} restarts: ${why}`, cause);
    this.broken = true;
    this.restarting ??= this.reconnect();
  }

  private async reconnect(): Promise<void> {
    const { signal } = this.stop;
    // A crash while connecting sets `broken` again, so it is another round, not a silence.
    for (let round = 1; this.broken && !signal.aborted; round++) {
      this.broken = false;
      await this.drop();
      await pause(backoff(round, { firstMs: 100, capMs: 1000 }), signal);
      if (signal.aborted) break;
      try {
        if (this.memberId) await leaveGroup(this.kafka, this.group, this.memberId).catch(() => {});
        await this.connect();
      } catch (error) {
        this.broken = true;
        this.options.log.warn(`kafka: ${this.group} cannot start, trying again (${round})`, error);
        if (error instanceof PartitionsMismatch) {
          this.stop.abort();
          this.options.onFatal(error);
        }
      }
    }
    this.restarting = undefined;
  }

  /** Never waits for ever: kafkajs' stop hangs when a fetch or batch does (#1168). */
  private async drop(): Promise<void> {
    const { consumer } = this;
    this.consumer = undefined;
    this.assignment = undefined;
    if (consumer) await within(5000, 'disconnecting', consumer.disconnect()).catch(() => {});
  }
}

/** Of a delivery that did not come by a fetch: it has no batch whose heartbeat to beat. */
async function none(): Promise<void> {}

import type { Kafka, Message, Producer } from 'kafkajs';
import { backoff } from '#platform/kernel/backoff.js';
import { consoleLog, type BusLog } from '../bus-log.js';
import { pause } from '../pause.js';
import { usualTopic, type BusMessage, type BusPublisher, type LogFork } from '../event-bus.js';
import { createClient, kafkaErrorType, within, type KafkaConnection } from './client.js';
import { toKafkaMessage } from './cloud-event.js';
import { forkMessage } from './fork-message.js';
import { MessageAuthenticator, type LogSource } from './message-authenticator.js';
import { ensureTopic, surplusOf, topicNow, UnfitTopic, type FoundTopic, type Topic } from './topic.js';
import { usualTopicSettings, type TopicSettings } from './topic-settings.js';

export interface KafkaPublisherOptions extends KafkaConnection {
  /** The log whose events are published. */
  store: LogSource;
  topic?: string;
  partitions?: number;
  /** Of the topic, where it is made here. */
  settings?: TopicSettings;
  log?: BusLog;
}

/** Between two looks at the topic. */
const LOOK_MS = 10_000;
const MAX_MESSAGES = 1000;
const MAX_BYTES = 1_000_000;
/** Of one message, about. */
const HEADER_BYTES = 800;
/** No answer for this long means a producer that will never answer (kafkajs #919). */
const TIMEOUT_MS = 12_000;
/** Trying again cannot help: the message, the topic's settings or our rights must change. */
const HOPELESS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
]);

/** The writing side on Kafka: in order, one send under way, acknowledged by all replicas in sync. */
export class KafkaPublisher implements BusPublisher {
  readonly partitions: number;
  private readonly kafka: Kafka;
  private readonly topic: Topic;
  private readonly log: BusLog;
  private readonly stop = new AbortController();
  private readonly authenticator: MessageAuthenticator;
  private producer: Producer | undefined;
  private watch: NodeJS.Timeout | undefined;
  private told: Pick<FoundTopic, 'partitions' | 'warnings'> = { partitions: 0, warnings: [] };
  /** What is unsafe about the topic, as it was when it was last looked at: what, and what to do. */
  get warnings(): readonly string[] {
    return this.told.warnings;
  }
  /** Since when (by `performance.now`) nothing can be sent, and why; undefined while sending succeeds. */
  outage: { since: number; reason: string } | undefined;

  constructor({
    store,
    topic = usualTopic.name,
    partitions = usualTopic.partitions,
    settings = usualTopicSettings,
    log = consoleLog,
    ...connection
  }: KafkaPublisherOptions) {
    this.authenticator = new MessageAuthenticator(store);
    this.partitions = partitions;
    this.topic = { name: topic, partitions, settings };
    this.log = log;
    // Few tries inside kafkajs: after them a new producer is made here, which also cures one that is stuck.
    this.kafka = createClient(connection, { retries: 2, maxRetryTime: 300 });
  }

  /**
   * Sends until all is acknowledged, through outages and a deleted topic. Parts may be sent twice; each partition's
   * messages still end with the last ones in order, and the consumer drops repeats by position.
   * @throws Error when trying again cannot help, or the publisher was closed.
   */
  async publish(messages: readonly BusMessage[]): Promise<void> {
    let chunk: Message[] = [];
    let bytes = 0;
    for (const message of messages) {
      const encoded = toKafkaMessage(message, this.authenticator);
      const size = (encoded.value as string).length + HEADER_BYTES;
      if (chunk.length > 0 && (chunk.length === MAX_MESSAGES || bytes + size > MAX_BYTES)) {
        await this.send(chunk);
        chunk = [];
        bytes = 0;
      }
      chunk.push(encoded);
      bytes += size;
    }
    if (chunk.length > 0) await this.send(chunk);
  }

  async tellForks(forks: readonly LogFork[]): Promise<void> {
    const partitions = Array.from({ length: this.partitions }, (_, partition) => partition);
    const told = forks.flatMap((fork) => partitions.map((each) => forkMessage(fork, each, this.authenticator)));
    if (told.length > 0) await this.send(told);
  }

  /**
   * Connects and sees to the topic, so that a wrong setting shows before there is anything to publish. Tries until
   * Kafka is there.
   * @throws UnfitTopic
   */
  open(): Promise<void> {
    return this.retry('connecting', async () => {});
  }

  private send(messages: Message[]): Promise<void> {
    return this.retry('publishing', (producer) =>
      within(TIMEOUT_MS, 'a send', producer.send({ topic: this.topic.name, acks: -1, timeout: 10_000, messages })),
    );
  }

  private async retry(what: string, work: (producer: Producer) => Promise<unknown>): Promise<void> {
    const { signal } = this.stop;
    for (let failures = 1; ; failures++) {
      if (signal.aborted) throw new Error('the publisher is closed');
      try {
        await work((this.producer ??= await within(TIMEOUT_MS, 'connecting', this.connect())));
        this.outage = undefined;
        return;
      } catch (error) {
        const type = kafkaErrorType(error);
        if (error instanceof UnfitTopic || (type !== undefined && HOPELESS.has(type))) throw error;
        this.outage ??= { since: performance.now(), reason: '' };
        this.outage.reason = error instanceof Error ? error.message : String(error);
        if (!signal.aborted) this.log.warn(`kafka: ${what} failed, trying again (${failures})`, error);
        this.discard();
        await pause(backoff(failures, { firstMs: 100, capMs: 1000 }), signal);
      }
    }
  }

  /** A new producer; the topic is looked at each time, so that one deleted under way is there again. */
  private async connect(): Promise<Producer> {
    const { created, errors, ...found } = await ensureTopic(this.kafka, this.topic);
    if (created) this.log.warn(`kafka: created topic ${this.topic.name}`);
    if (errors.length > 0) throw new UnfitTopic(errors.join('\n'));
    this.tellOf(found);
    this.watch ??= setInterval(() => void this.look(), LOOK_MS).unref();
    const producer = this.kafka.producer({
      // Idempotence is experimental in kafkajs and was seen out of order (#598); repeats are dropped by position.
      idempotent: false,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition!,
    });
    await producer.connect();
    return producer;
  }

  /** Each thing once, as long as it stays. Added partitions change nothing, but whoever added them expects use of them. */
  private tellOf({ partitions, warnings }: Pick<FoundTopic, 'partitions' | 'warnings'>): void {
    if (partitions > this.topic.partitions && partitions !== this.told.partitions) {
      this.log.warn(surplusOf(this.topic, partitions));
    }
    for (const warning of warnings) if (!this.told.warnings.includes(warning)) this.log.warn(`kafka: ${warning}`);
    this.told = { partitions, warnings };
  }

  private async look(): Promise<void> {
    // A broker that is away is told of by what cannot be sent.
    const found = await within(LOOK_MS, 'looking at the topic', topicNow(this.kafka, this.topic)).catch(
      () => undefined,
    );
    if (!found || this.stop.signal.aborted) return;
    // An error that came later stops what it hits when it is sent; until then it is told of.
    this.tellOf({ partitions: found.partitions, warnings: [...found.errors, ...found.warnings] });
  }

  private discard(): void {
    const { producer } = this;
    this.producer = undefined;
    producer?.disconnect().catch(() => {});
  }

  async close(): Promise<void> {
    this.stop.abort();
    clearInterval(this.watch);
    const { producer } = this;
    this.producer = undefined;
    await (producer && within(2000, 'disconnecting', producer.disconnect()).catch(() => {}));
  }
}

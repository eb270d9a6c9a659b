import { consoleLog, type BusLog } from '../bus-log.js';
import { usualTopic, type Consumer, type EventBus, type Subscription } from '../event-bus.js';
import type { KafkaConnection } from './client.js';
import { KafkaMember, type PublishedPositions } from './kafka-member.js';
import { MessageAuthenticator, type LogSource, type Refusal } from './message-authenticator.js';
import { RefusedMessages } from './refused-messages.js';
import { usualTopicSettings, type TopicSettings } from './topic-settings.js';

export interface KafkaBusOptions extends KafkaConnection {
  /** The log whose events are consumed; what is of another is passed over. */
  store: LogSource;
  topic?: string;
  partitions?: number;
  /** Of the topic, where it is made here. */
  settings?: TopicSettings;
  /**
   * Called when a consumer has ended for good: the process must end, or it would look healthy and do nothing.
   * Without it the error is thrown where nobody catches it, which ends the process.
   */
  onFatal?: (error: Error) => void;
  /** What is known to be on Kafka, to notice and cure what Kafka or its client lost or withholds. */
  published?: PublishedPositions;
  /** How long a partition may stand behind what is published without a delivery before something is done about it. */
  stallMs?: number;
  log?: BusLog;
}

/** The reading side on Kafka. Each subscription is a consumer of its own: one slow projection holds back no other. */
export class KafkaBus implements EventBus {
  readonly partitions: number;
  private readonly members = new Set<KafkaMember>();
  private readonly authenticator: MessageAuthenticator;
  private readonly refused: RefusedMessages;

  constructor(private readonly options: KafkaBusOptions) {
    this.partitions = options.partitions ?? usualTopic.partitions;
    this.authenticator = new MessageAuthenticator(options.store);
    this.refused = new RefusedMessages(options.log ?? consoleLog);
  }

  /** How many messages were passed over, by reason: foreign, forged, or of events that the log has lost. */
  get refusals(): Readonly<Partial<Record<Refusal, number>>> {
    return this.refused.counts;
  }

  /** How many messages told of a fork of the log: at least one in each partition for each. */
  get forksTold(): number {
    return this.refused.forks;
  }

  /** What readiness shows: the messages that were passed over, and what is unsafe about the topic; empty without. */
  get note(): string {
    const told = Object.entries(this.refusals).map(([reason, count]) => `${count} ${reason}`);
    const warnings = new Set([...this.members].flatMap((member) => member.warnings));
    return [...(told.length > 0 ? [`messages passed over: ${told.join(', ')}`] : []), ...warnings].join('\n');
  }

  /**
   * Resolves when the member has joined; when Kafka is away it goes on trying by itself.
   * @throws PartitionsMismatch when the topic has another number of partitions.
   */
  async subscribe(group: string, consumer: Consumer): Promise<Subscription> {
    const {
      topic = usualTopic.name,
      settings = usualTopicSettings,
      onFatal,
      published,
      stallMs,
      log,
      ...rest
    } = this.options;
    const { partitions: _, store: __, ...connection } = rest;
    const member = new KafkaMember(group, consumer, {
      connection,
      topic: { name: topic, partitions: this.partitions, settings },
      onFatal: onFatal ?? fatal,
      published,
      stallMs: stallMs ?? 10_000,
      log: log ?? consoleLog,
      authenticator: this.authenticator,
      refused: this.refused,
    });
    this.members.add(member);
    try {
      await member.start();
    } catch (error) {
      this.members.delete(member);
      throw error;
    }
    return {
      close: async () => {
        this.members.delete(member);
        await member.close();
      },
    };
  }

  async close(): Promise<void> {
    const members = [...this.members];
    this.members.clear();
    await Promise.all(members.map((member) => member.close()));
  }
}

function fatal(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}

import { MOST_EVENT_BYTES } from '#platform/kernel/sizes.js';

/** How the topic is made where there is none yet. What there is is never changed by Yad: it is held against these. */
export interface TopicSettings {
  /** Copies of each message; absent: three, or as many as there are brokers. */
  readonly replication?: number;
  /** Copies that have a message before it counts as sent; absent: two where there are three copies, else one. */
  readonly minInsyncReplicas?: number;
  /** How long a message stays, from when it was published; 0: for ever. */
  readonly retentionDays: number;
  readonly maxMessageBytes: number;
}

/** A message has an event's data and personal fields, and beside them what the envelope says of it. */
export const LEAST_MESSAGE_BYTES = MOST_EVENT_BYTES + 1024 * 1024;

/**
 * Two weeks: longer than an outage over a week of holidays. No longer without need, since what was published is beyond
 * an erasure; with a day until a segment is closed, it is gone within the month that an erasure may take.
 */
export const usualTopicSettings: TopicSettings = { retentionDays: 14, maxMessageBytes: 8 * 1024 * 1024 };

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const retentionMsOf = ({ retentionDays }: TopicSettings): number => (retentionDays === 0 ? -1 : retentionDays * DAY_MS);

/** Copies, by the number of brokers that there are. */
export const replicationOf = ({ replication }: TopicSettings, brokers: number): number =>
  replication ?? Math.min(3, brokers);

/** The settings of a topic that is made. */
export function configEntriesOf(settings: TopicSettings, replication: number): { name: string; value: string }[] {
  const entries = {
    'cleanup.policy': 'delete',
    'retention.ms': retentionMsOf(settings),
    // By time alone: a week with more events than usual must not take away what was promised to stay.
    'retention.bytes': -1,
    // A message goes with its segment, which would be open for a week.
    'segment.ms': DAY_MS,
    'max.message.bytes': settings.maxMessageBytes,
    'min.insync.replicas': settings.minInsyncReplicas ?? (replication >= 3 ? 2 : 1),
    // By when it was recorded, a log that is published again would be gone the next moment.
    'message.timestamp.type': 'LogAppendTime',
    'unclean.leader.election.enable': false,
  };
  return Object.entries(entries).map(([name, value]) => ({ name, value: String(value) }));
}

/** What the brokers say of a topic. */
export interface FoundSettings {
  readonly brokers: number;
  /** Copies, of the partition that has the fewest. */
  readonly replication: number;
  readonly configs: ReadonlyMap<string, string>;
}

/** What is wrong with a topic, a sentence each: what stands there, what comes of it, what to do. */
export interface TopicFindings {
  /** With these nothing can be published for good. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Why what is found is not safe, and what to set instead: a value, or words where no setting mends it. */
interface Fault {
  readonly why: string;
  readonly right: number | string | { readonly how: string };
}

const MORE_COPIES = { how: 'kafka-reassign-partitions.sh gives it more' };

/** What is looked at, by its name on Kafka; `replication` stands for the copies of a partition. */
const rules: Readonly<Record<string, (found: FoundSettings, settings: TopicSettings) => Fault | undefined>> = {
  'cleanup.policy': ({ configs }) =>
    configs.get('cleanup.policy') === 'delete'
      ? undefined
      : { why: 'compaction leaves each customer the last event, and consumers find gaps', right: 'delete' },
  'retention.ms': ({ configs }, settings) => {
    const kept = Number(configs.get('retention.ms'));
    const wanted = retentionMsOf(settings);
    if (kept >= 0 && kept < WEEK_MS) {
      const why = 'a consumer that was away for less than a week finds a gap, and has to read the log over HTTP';
      return { why, right: wanted < 0 ? wanted : Math.max(wanted, WEEK_MS) };
    }
    const why = `YAD_TOPIC_RETENTION_DAYS is ${settings.retentionDays}, which only counts when the topic is made`;
    return kept === wanted ? undefined : { why, right: wanted };
  },
  'retention.bytes': ({ configs }) =>
    configs.get('retention.bytes') === '-1'
      ? undefined
      : { why: 'many events at once take away what retention.ms promises to keep', right: -1 },
  'message.timestamp.type': ({ configs }) =>
    configs.get('message.timestamp.type') === 'LogAppendTime'
      ? undefined
      : { why: 'what is published again is as old as its event, and may go at once', right: 'LogAppendTime' },
  'unclean.leader.election.enable': ({ configs }) =>
    configs.get('unclean.leader.election.enable') === 'false'
      ? undefined
      : { why: 'a broker that lacks messages may lead, and what was acknowledged is lost', right: 'false' },
  replication: ({ brokers, replication }, settings) => {
    if (brokers > 1 && replication === 1) {
      const why = `of ${brokers} brokers one has each partition: without it nothing is published, and its messages go with it`;
      return { why, right: MORE_COPIES };
    }
    const wanted = settings.replication ?? 0;
    if (replication >= wanted) return undefined;
    return { why: `YAD_TOPIC_REPLICATION is ${wanted}, which only counts when the topic is made`, right: MORE_COPIES };
  },
  'min.insync.replicas': ({ replication, configs }, settings) => {
    const least = Number(configs.get('min.insync.replicas'));
    const two =
      replication > 2 ? 2 : { how: 'two copies cannot be safe and away: have three brokers, and three copies' };
    if (replication > 1 && least === 1) {
      return { why: `what one of ${replication} copies has counts as sent, and is lost with it`, right: two };
    }
    if (replication > 1 && least >= replication) {
      return { why: `one broker that is away of ${replication} stops all publishing`, right: two };
    }
    const wanted = settings.minInsyncReplicas ?? 0;
    if (least >= wanted || wanted > replication) return undefined;
    return {
      why: `YAD_TOPIC_MIN_INSYNC_REPLICAS is ${wanted}, which only counts when the topic is made`,
      right: wanted,
    };
  },
};

/** The names of Kafka's settings that are looked at. */
export const LOOKED_AT = ['max.message.bytes', ...Object.keys(rules).filter((name) => name !== 'replication')];

/** Holds a topic's settings against what Yad and the consumers of its events need. */
export function findingsOf(topic: string, settings: TopicSettings, found: FoundSettings): TopicFindings {
  const { configs, replication } = found;
  const told = (name: string, { why, right }: Fault): string => {
    const value = name === 'replication' ? replication : configs.get(name);
    const change = `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config ${name}=`;
    return `topic ${topic}: ${name} is ${value}: ${why}; ${typeof right === 'object' ? right.how : change + right}`;
  };
  const errors: string[] = [];
  const most = configs.get('max.message.bytes');
  if (most !== undefined && Number(most) < LEAST_MESSAGE_BYTES) {
    const why = `a message may have ${LEAST_MESSAGE_BYTES} bytes, and one that is refused stops all that follow`;
    errors.push(told('max.message.bytes', { why, right: settings.maxMessageBytes }));
  }
  const warnings: string[] = [];
  for (const [name, rule] of Object.entries(rules)) {
    // What the brokers do not say is not judged.
    const fault = name === 'replication' || configs.has(name) ? rule(found, settings) : undefined;
    if (fault) warnings.push(told(name, fault));
  }
  return { errors, warnings };
}

import type { KafkaConnection } from '#platform/event-bus/kafka/client.js';
import type { TopicSettings } from '#platform/event-bus/kafka/topic-settings.js';
import { assertSafe } from './connection-safety.js';
import { WrongSettings, type Environment } from './environment.js';
import { settings } from './settings.js';

/** The databases on PostgreSQL. */
export type DatabaseKind = 'store' | 'readModels' | 'keys';

/** Where everything lies. */
export interface Databases extends Readonly<Record<DatabaseKind, string>> {
  /** The engine that the log itself lies on, where that is not PostgreSQL: `store` holds what belongs to it. */
  readonly eventStore?: string;
}

/**
 * The databases of this process.
 * @param usual in the place of DATABASE_URL where that is not set
 * @throws WrongSettings when one of them is named by nothing, or leads to another host unprotected
 */
export function databasesOf(environment: Environment, usual = environment.DATABASE_URL): Databases {
  const { STORE_URL, READ_MODELS_URL, KEYS_URL, EVENT_STORE: eventStore } = environment;
  const own = { STORE_URL, READ_MODELS_URL, KEYS_URL };
  const lacking = Object.entries(own).filter(([, url]) => url === undefined && usual === undefined);
  if (lacking.length > 0) {
    throw new WrongSettings([`DATABASE_URL is not set, nor is ${lacking.map(([name]) => name).join(', ')}`]);
  }
  assertSafe(environment);
  return { store: STORE_URL ?? usual!, readModels: READ_MODELS_URL ?? usual!, keys: KEYS_URL ?? usual!, eventStore };
}

/** Kafka, where the events are. */
export interface KafkaSettings {
  readonly brokers: readonly string[];
  /** How to sign in to them. */
  readonly signIn?: Pick<KafkaConnection, 'ssl' | 'sasl'>;
  readonly topic: string;
  /** Of the topic, where it is made. */
  readonly settings?: TopicSettings;
}

/**
 * The brokers and the topic, or undefined where no broker is named.
 * @throws WrongSettings where a name has no password, or a password no name, or brokers elsewhere are not protected
 */
export function kafkaOf(environment: Environment): KafkaSettings | undefined {
  const { KAFKA_BROKERS: brokers, YAD_TOPIC: topic } = environment;
  const settings = {
    replication: environment.YAD_TOPIC_REPLICATION,
    minInsyncReplicas: environment.YAD_TOPIC_MIN_INSYNC_REPLICAS,
    retentionDays: environment.YAD_TOPIC_RETENTION_DAYS,
    maxMessageBytes: environment.YAD_TOPIC_MAX_MESSAGE_BYTES,
  };
  if (!brokers) return undefined;
  const signIn = signInOf(environment);
  assertSafe(environment);
  return { brokers, signIn, topic, settings };
}

function signInOf(environment: Environment): KafkaSettings['signIn'] {
  const {
    KAFKA_TLS,
    KAFKA_USERNAME: username,
    KAFKA_PASSWORD: password,
    KAFKA_SASL_MECHANISM: mechanism,
  } = environment;
  const ssl = KAFKA_TLS === 'on';
  if (username === undefined && password === undefined) return ssl ? { ssl } : undefined;
  if (username === undefined || password === undefined) {
    const lacking = username === undefined ? 'KAFKA_USERNAME' : 'KAFKA_PASSWORD';
    throw new WrongSettings([`${lacking} is not set: ${settings[lacking].meaning}`]);
  }
  return { ssl, sasl: { mechanism, username, password } as KafkaConnection['sasl'] };
}

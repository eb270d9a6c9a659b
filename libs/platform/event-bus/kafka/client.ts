// First: kafkajs takes hold of encoder and decoder as it is loaded.
import './record-decoder.js';
import './record-encoder.js';
import kafkajs, { type Kafka, type KafkaConfig, type RetryOptions } from 'kafkajs';

/** How to reach the cluster. */
export type KafkaConnection = Pick<KafkaConfig, 'brokers' | 'ssl' | 'sasl' | 'clientId'>;

/** A client whose pauses stay short: kafkajs backs off for up to half a minute unless it is capped. */
export function createClient(connection: KafkaConnection, retry: RetryOptions): Kafka {
  return new kafkajs.Kafka({
    clientId: 'yad',
    ...connection,
    connectionTimeout: 2000,
    requestTimeout: 10_000,
    // It logs each retry as an error; what matters is told by the adapters themselves.
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 100, maxRetryTime: 500, ...retry },
  });
}

/** Kafka's own name of an error, also of the one behind a wrapper: `UNKNOWN_TOPIC_OR_PARTITION`, `MESSAGE_TOO_LARGE`. */
export function kafkaErrorType(error: unknown): string | undefined {
  for (let each = error as any, depth = 0; each && depth < 8; each = each.cause ?? each.originalError, depth++) {
    if (typeof each.type === 'string') return each.type;
  }
  return undefined;
}

/** The promise's result, or a rejection after `ms`; the promise itself goes on. */
export function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

import { listenHost } from '#platform/http/request-guards.js';

export interface RelaySettings {
  databaseUrl: string;
  brokers: string[];
  topic: string;
  partitions: number;
  /** Health port; none when absent. */
  port: number | undefined;
  /** Where health is served. */
  host: string;
}

/** Reads the environment. @throws Error naming the variable that is missing or wrong. */
export function readSettings(env: NodeJS.ProcessEnv): RelaySettings {
  const required = (name: string): string => {
    const value = env[name];
    if (!value) throw new Error(`${name} is not set`);
    return value;
  };
  const brokers = required('KAFKA_BROKERS')
    .split(',')
    .map((broker) => broker.trim())
    .filter((broker) => broker !== '');
  if (brokers.length === 0) throw new Error('KAFKA_BROKERS names no broker: host:port, separated by commas');
  return {
    databaseUrl: required('DATABASE_URL'),
    brokers,
    topic: env['YAD_TOPIC'] || 'yad.events',
    partitions: whole('YAD_PARTITIONS', env['YAD_PARTITIONS'] || '6', 1, 1000),
    port: env['PORT'] ? whole('PORT', env['PORT'], 0, 65535) : undefined,
    host: listenHost(env),
  };
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Error(`${name} is a whole number from ${least} to ${most}, not "${text}"`);
  }
  return value;
}

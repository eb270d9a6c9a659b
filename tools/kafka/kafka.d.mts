export interface KafkaOptions {
  dir?: string;
  port?: number;
  advertisedPort?: number;
  dataDir?: string;
  clean?: boolean;
  settings?: Readonly<Record<string, string>>;
  say?: (text: string) => void;
}

export interface KafkaBroker {
  readonly brokers: string;
  readonly port: number;
  readonly dataDir: string;
  readonly pid: number;
  readonly exited: Promise<number | string>;
  stop(): Promise<number | string>;
  kill(): Promise<number | string>;
}

/** Starts a real broker on 127.0.0.1 and waits until it serves; see broker.mjs. */
export function startKafka(options?: KafkaOptions): Promise<KafkaBroker>;

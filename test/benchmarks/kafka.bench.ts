import { AppProcess } from './app-process.js';
import { CustomerLoad, type LoadTimes } from './customer-load.js';
import { kafkaLatency } from './kafka-latency.js';
import type { Row } from './measure.js';
import { RawHttp } from './raw-http.js';
import { newId } from '#platform/kernel/ids.js';

export interface KafkaBenchmarkOptions {
  url: string;
  brokers: string[];
  seconds: number;
  /** Flags of the apps' node, e.g. `--cpu-prof`. */
  execArgv?: string[];
}

/** Commands in one request at 5,000 a second: as many posts alone would take both cores of a small machine. */
const BATCHED = 49;

/**
 * From sending a command to the read model's answer that shows it: operations, relay and analytics as processes of
 * their own with Kafka in between, under a paced open-loop load. Beside it what Kafka alone takes at that rate.
 */
export async function kafkaBenchmark({ url, brokers, seconds, execArgv = [] }: KafkaBenchmarkOptions): Promise<Row[]> {
  const env = {
    DATABASE_URL: url,
    KAFKA_BROKERS: brokers.join(','),
    YAD_TOPIC: `yad.bench.${newId()}`,
    YAD_PARTITIONS: '6',
  };
  const apps: AppProcess[] = [];
  const clients: RawHttp[] = [];
  const start = async (name: string): Promise<RawHttp> => {
    const app = await AppProcess.start(name, env, execArgv);
    apps.push(app);
    const http = new RawHttp(app.origin);
    clients.push(http);
    return http;
  };
  try {
    // Before the apps start: connections to them that idled meanwhile would be closed.
    const slow = await kafkaLatency(brokers, 2000, seconds / 2);
    const fast = await kafkaLatency(brokers, 5000, seconds / 2);
    const operations = await start('operations');
    await start('relay');
    const load = new CustomerLoad(operations, await start('analytics'));
    await load.prepare();
    const rows: Row[] = [];
    // Apps and broker run for months: compiled code and grown heaps are their usual state, and take so long to come.
    const warmUp = 2 * seconds;

    await load.run(2000, warmUp, 1);
    const at2000 = await load.run(2000, seconds, 1);
    rows.push(row('kafka-2000-p50', at2000.p50, slow.p50, at2000, 'each command a POST of its own'));
    rows.push(row('kafka-2000-p99', at2000.p99, slow.p99, at2000, 'each command a POST of its own'));

    await load.run(5000, warmUp, BATCHED);
    const at5000 = await load.run(5000, seconds, BATCHED);
    rows.push(row('kafka-5000-p99', at5000.p99, fast.p99, at5000, `load by :batch of ${BATCHED}, samples alone`));
    return rows;
  } finally {
    for (const http of clients) http.close();
    for (const app of apps) await app.stop();
  }
}

function row(name: string, value: number, baseline: number, times: LoadTimes, how: string): Row {
  const { rate, samples, commandP50, commandP99 } = times;
  const command = `command alone p50 ${commandP50.toFixed(1)} ms, p99 ${commandP99.toFixed(1)} ms`;
  const note = `Kafka's own produce to consume; ${Math.round(rate)}/s, ${how}; ${samples} samples; ${command}`;
  return { name, value, unit: 'ms', baseline, ratio: value / baseline, note };
}

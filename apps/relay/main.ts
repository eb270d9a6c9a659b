import { connectionsOf } from '#platform/http/connections.js';
import { startRelay } from '#platform/runtime/relay.js';
import { measureReadiness } from '#platform/runtime/metrics/app-metrics.js';
import { measureRelay } from '#platform/runtime/metrics/relay-metrics.js';
import { hostsOf, runApp } from '#platform/runtime/run-app.js';
import { databasesOf, kafkaOf } from '#platform/runtime/connections.js';
import { HealthCheck, serveHealth } from './health.js';

// The relay as a process: from the event store to Kafka. Run two: one works, the other waits for its lease.
await runApp(
  'relay',
  async (environment, lifecycle, { log, metrics, tracing }) => {
    const kafka = kafkaOf(environment)!;
    const { PORT, HOST, YAD_PARTITIONS: partitions } = environment;
    const options = { databases: databasesOf(environment), kafka, partitions, log, tracing };
    const { relay, state, store, publisher, ended } = await startRelay(options, lifecycle);
    const check = new HealthCheck(relay, state, store, publisher).start();
    measureRelay(metrics, { relay, state, store, publisher });
    measureReadiness(metrics, { relay: () => check.assertReady() });
    if (PORT !== undefined) {
      const server = await serveHealth(PORT, HOST, { check, metrics, hosts: hostsOf(environment) });
      lifecycle.onStop('health', () => void connectionsOf(server)?.close());
    }
    log.info(`relay: store -> ${kafka.topic} (${partitions} partitions) on ${kafka.brokers.join(', ')}`);
    // One that has ended by itself must not look healthy.
    void ended.then((error) => (error === undefined ? undefined : lifecycle.fail(error)));
  },
  ['KAFKA_BROKERS'],
);

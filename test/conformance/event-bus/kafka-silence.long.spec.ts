import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { KafkaBus } from '#platform/event-bus/kafka/kafka-bus.adapter.js';
import { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import { MemoryRelayState } from '#platform/event-bus/relay/memory-relay-state.js';
import { Relay } from '#platform/event-bus/relay/relay.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { startKafka, type KafkaBroker } from '../../../tools/kafka/kafka.mjs';
import { freePort } from '../../support/free-port.js';
import { describeWithKafka } from '../../support/kafka.js';
import { Proxy } from '../../support/proxy.js';
import { append } from './event-bus.conformance.js';
import { TestConsumer, until } from './test-consumer.js';

const log = { warn: process.env['YAD_TEST_LOG'] ? console.warn : (): void => {} };
/** In which a half-open socket is to be noticed, and readers are to go on. */
const NOTICED_MS = 30_000;

// A broker of its own that tells its clients the proxy's address; the other only tells that there may be one.
describeWithKafka('a broker whose side of the connections vanishes without a word', () => {
  const folder = mkdtempSync(join(tmpdir(), 'yad-kafka-'));
  let proxy: Proxy;
  let broker: KafkaBroker;
  beforeAll(async () => {
    const port = await freePort();
    proxy = await Proxy.start(port);
    broker = await startKafka({ dataDir: folder, port, advertisedPort: proxy.port });
  }, 180_000);
  afterAll(async () => {
    await proxy.close();
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  it('is noticed within half a minute by the relay and by those who consume, and both go on over new connections', async () => {
    const store = new MemoryEventStore();
    const state = new MemoryRelayState();
    const fatal: Error[] = [];
    const options = {
      store,
      brokers: [`127.0.0.1:${proxy.port}`],
      topic: `yad.test.${newId()}`,
      partitions: 4,
      log,
    };
    const publisher = new KafkaPublisher(options);
    const relay = new Relay({ store, publisher, state, log });
    const running = relay.run();
    const eventAt = async (position: bigint) => (await store.readAll({ after: position - 1n, limit: 1 }))[0];
    const news = { heads: () => state.heads(), eventAt };
    const bus = new KafkaBus({ ...options, published: news, onFatal: (error) => fatal.push(error) });
    const consumer = new TestConsumer();
    try {
      await bus.subscribe('silence', consumer);
      await append(store, 200);
      await until('200 events', () => consumer.total >= 200);
      expect(publisher.outage).toBeUndefined();
      expect(proxy.freeze()).toBeGreaterThan(1);
      const frozen = performance.now();
      await append(store, 200);
      await until('the events are published', async () => (await state.position()) === 400n, NOTICED_MS);
      const published = performance.now() - frozen;
      await until('400 events', () => consumer.total >= 400, NOTICED_MS - published);
      const consumed = performance.now() - frozen;
      console.log(`published after ${Math.round(published)} ms of silence, consumed after ${Math.round(consumed)} ms`);
      expect(fatal).toEqual([]);
    } finally {
      relay.close();
      await bus.close();
      await publisher.close();
      await running.catch(() => {});
    }
  }, 180_000);
});

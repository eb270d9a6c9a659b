import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { createClient, kafkaErrorType } from '#platform/event-bus/kafka/client.js';
import { KafkaBus } from '#platform/event-bus/kafka/kafka-bus.adapter.js';
import { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import { MemoryRelayState } from '#platform/event-bus/relay/memory-relay-state.js';
import { Relay } from '#platform/event-bus/relay/relay.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { kafkaOf } from '#platform/runtime/connections.js';
import { readSettings } from '#platform/runtime/environment.js';
import { startKafka, type KafkaBroker } from '../../../tools/kafka/kafka.mjs';
import { runKafkaTool } from '../../support/java.js';
import { append } from './event-bus.conformance.js';
import { TestConsumer, until } from './test-consumer.js';

const users = ['admin', 'relay', 'analytics', 'warehouse'];
const log = { warn: (): void => {} };
const topic = 'yad.events';

/** The commands that the guide gives, without the name of the script. */
const commands = readFileSync('docs/guides/kafka.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('kafka-acls.sh $B '))
  .map((line) => line.replace('kafka-acls.sh $B ', '').split(' '));

// A broker that allows nobody anything, but what the commands of the guide say.
describe('the rights that the guide gives', () => {
  const folder = mkdtempSync(join(tmpdir(), 'yad-kafka-'));
  const store = new MemoryEventStore();
  let broker: KafkaBroker;
  /** As an app that is set so. */
  const as = (username: string) => {
    const signedIn = { KAFKA_USERNAME: username, KAFKA_PASSWORD: `${username}'s`, KAFKA_SASL_MECHANISM: 'plain' };
    const { brokers, signIn } = kafkaOf(readSettings({ KAFKA_BROKERS: broker.brokers, ...signedIn }))!;
    return { brokers: [...brokers], ...signIn };
  };
  const options = (user: string) => ({ ...as(user), store, topic, partitions: 3, log });
  const refusalOf = (work: Promise<unknown>): Promise<string | undefined> => work.then(() => 'none', kafkaErrorType);

  beforeAll(async () => {
    const known = users.map((user) => `user_${user}="${user}'s"`).join(' ');
    broker = await startKafka({
      dataDir: folder,
      settings: {
        'listener.security.protocol.map': 'PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
        'sasl.enabled.mechanisms': 'PLAIN',
        'sasl.mechanism.inter.broker.protocol': 'PLAIN',
        'listener.name.plaintext.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="admin's" ${known};`,
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:admin;User:ANONYMOUS',
      },
    });
    await append(store, 60);
  }, 180_000);
  afterAll(async () => {
    await broker?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  it('are needed: without them nobody publishes', async () => {
    const publisher = new KafkaPublisher(options('relay'));
    expect(await refusalOf(publisher.open())).toBe('TOPIC_AUTHORIZATION_FAILED');
    await publisher.close();
  });

  it('are enough for relay, read models and a service, and for no more', async () => {
    expect(commands).toHaveLength(5);
    const properties = join(folder, 'admin.properties');
    const login = `org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="admin's";`;
    writeFileSync(properties, `security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=${login}\n`);
    for (const command of commands) {
      await runKafkaTool('AclCommand', [
        ...['--bootstrap-server', broker.brokers, '--command-config', properties],
        ...command,
      ]);
    }

    const publisher = new KafkaPublisher(options('relay'));
    const state = new MemoryRelayState();
    const relay = new Relay({ store, publisher, state, log });
    const running = relay.run();
    await until('all is published', async () => (await state.position()) === 60n, 30_000);
    expect(publisher.warnings).toEqual([]);
    relay.close();
    await running;
    await publisher.close();

    const read = async (user: string, group: string): Promise<[number, string]> => {
      const bus = new KafkaBus({ ...options(user), onFatal: () => {} });
      const consumer = new TestConsumer();
      const subscription = await bus.subscribe(group, consumer);
      await until(`${user} has all`, () => consumer.total === 60, 30_000);
      const { note } = bus;
      await subscription.close();
      await bus.close();
      return [consumer.total, note];
    };
    expect(await read('analytics', 'yad-read-models')).toEqual([60, '']);
    const [, note] = await read('warehouse', 'warehouse-stock');
    expect(note).toContain('its settings cannot be seen');

    for (const user of ['analytics', 'warehouse']) {
      const producer = createClient(as(user), { retries: 0 }).producer();
      await producer.connect();
      const sent = producer.send({ topic, messages: [{ value: 'forged' }] });
      expect([user, await refusalOf(sent)]).toEqual([user, 'TOPIC_AUTHORIZATION_FAILED']);
      await producer.disconnect();
    }
    const elsewhere = createClient(as('warehouse'), { retries: 0 }).consumer({ groupId: 'yad-read-models' });
    await elsewhere.connect();
    await elsewhere.subscribe({ topics: [topic] });
    const crashed = new Promise((resolve) =>
      elsewhere.on(elsewhere.events.CRASH, ({ payload }) => resolve(String(payload.error))),
    );
    await elsewhere.run({ eachMessage: async () => {} });
    expect(await crashed).toMatch(/Failed to find group coordinator|Not authorized/);
    await elsewhere.disconnect();
    const admin = new kafkajs.Kafka({ ...as('admin'), logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    expect(
      await admin.fetchTopicOffsets(topic).then((all) => all.reduce((sum, { high }) => sum + Number(high), 0)),
    ).toBe(60);
    await admin.disconnect();
  }, 180_000);
});

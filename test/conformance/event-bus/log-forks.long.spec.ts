import { afterAll, expect, it } from '@jest/globals';
import ajv2020 from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { CloudEvent, Kafka } from 'cloudevents';
import kafkajs from 'kafkajs';
import { LOG_FORKED, type LogForked } from '#platform/kernel/log-forked.js';
import { KafkaBus } from '#platform/event-bus/kafka/kafka-bus.adapter.js';
import { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import { MemoryRelayState } from '#platform/event-bus/relay/memory-relay-state.js';
import { Relay } from '#platform/event-bus/relay/relay.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { asyncApiDocument } from '#platform/schemas/asyncapi.js';
import { runJava } from '../../support/java.js';
import { describeWithKafka } from '../../support/kafka.js';
import { append, positionsOf } from './event-bus.conformance.js';
import { TestConsumer, until } from './test-consumer.js';

const PARTITIONS = 6;
const log = { warn: (): void => {} };

interface Message {
  readonly partition: number;
  readonly key: string | null;
  readonly headers: Record<string, string>;
  readonly value: string;
}

/** A service that is not Yad, as the guide tells it to be: it keeps what it has applied, by position. */
class Follower {
  readonly applied = new Map<bigint, string>();
  readonly undone: bigint[] = [];
  /** What it had to read from the log, as it was missing. */
  readonly missed: [number, bigint, bigint][] = [];
  private held = 0n;
  private fork: LogForked | undefined;

  constructor(private readonly partition: number) {}

  take({ headers, value }: Message): void {
    if (headers['ce_type'] === LOG_FORKED) return this.undo(JSON.parse(value) as LogForked);
    const [position, previous] = [BigInt(headers['ce_yadposition']!), BigInt(headers['ce_yadprevious']!)];
    if (position <= this.held) return;
    const { incarnation = 0, forkedAt = '' } = this.fork ?? {};
    if (Number(headers['ce_yadincarnation']) < incarnation && position > BigInt(forkedAt)) return;
    if (previous > this.held) this.missed.push([this.partition, this.held, previous]);
    this.applied.set(position, headers['ce_id']!);
    this.held = position;
  }

  private undo(fork: LogForked): void {
    this.fork = fork;
    const forkedAt = BigInt(fork.forkedAt);
    if (this.held <= forkedAt || this.held >= BigInt(fork.beginsAt)) return;
    for (const position of [...this.applied.keys()].filter((each) => each > forkedAt)) {
      this.applied.delete(position);
      this.undone.push(position);
    }
    this.held = forkedAt;
  }
}

/** Of the document that consumers go by. */
const schemas = new ajv2020.Ajv2020({ strict: false, allErrors: true });
(ajvFormats as any).default(schemas);
schemas.addSchema(asyncApiDocument({ events: [], topic: 'any', partitions: PARTITIONS }), 'asyncapi');

describeWithKafka('forks of the log', (brokers) => {
  const topic = `yad.test.${newId()}`;
  afterAll(async () => {
    const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] }).catch(() => {});
    await admin.disconnect();
  });

  it('are told in every partition before anything that comes after, and a service undoes what was lost', async () => {
    const store = new MemoryEventStore();
    const state = new MemoryRelayState();
    const options = { store, brokers, topic, partitions: PARTITIONS, log };
    const publisher = new KafkaPublisher(options);
    const relay = new Relay({ store, publisher, state, log });
    const running = relay.run();
    const published = async (): Promise<boolean> => (await state.position()) === (await store.head()).position;
    const lost: string[] = [];
    await append(store, 200);
    await until('all is published', published);
    for (const keep of [150, 220]) {
      const before = await store.readAll({ after: 0n, limit: 1000 });
      lost.push(...before.slice(keep).map(({ id }) => id));
      store.failOver(before[keep - 1]!.position);
      await append(store, 100);
      await until('all that is in the log now is published', published);
    }
    const bus = new KafkaBus({ ...options, onFatal: (error) => lost.push(error.message) });
    const consumer = new TestConsumer();
    await bus.subscribe(newId(), consumer);
    const events = await store.readAll({ after: 0n, limit: 1000 });
    expect([events.length, lost.length]).toEqual([320, 80]);
    await until('our own reader has all', () => consumer.total === events.length);
    await until('it has passed over what told of the forks', () => bus.forksTold >= 2 * PARTITIONS);
    expect(bus.refusals).toEqual({ 'of a lost incarnation': 80 });
    expect(bus.note).toBe('messages passed over: 80 of a lost incarnation');
    relay.close();
    await running;
    await Promise.all([bus.close(), publisher.close()]);

    const messages = (await runJava('Consume', [brokers.join(','), topic])).map((line) => JSON.parse(line) as Message);
    const followers = Array.from({ length: PARTITIONS }, (_, partition) => new Follower(partition));
    const toldOf = Array.from({ length: PARTITIONS }, () => 1);
    for (const message of messages) {
      const { partition, key, headers, value } = message;
      const incarnation = Number(headers['ce_yadincarnation']);
      if (headers['ce_type'] === LOG_FORKED) {
        const { number, id, forkedAt, beginsAt } = store.identity.incarnations[toldOf[partition]!]!;
        toldOf[partition]!++;
        const event = Kafka.toEvent({ key, headers, value, body: value, timestamp: '' } as never) as CloudEvent<any>;
        // The SDK takes the key that is not there for an attribute that is null.
        expect(event.cloneWith({ partitionkey: undefined }, false).validate()).toBe(true);
        for (const [part, what] of Object.entries({ headers, payload: event.data })) {
          const validate = schemas.getSchema(`asyncapi#/components/messages/LogForked.v1/${part}`)!;
          expect([part, validate(what), validate.errors]).toEqual([part, true, null]);
        }
        expect(event).toMatchObject({ id: `${id}:${partition}`, source: `urn:uuid:${store.identity.id}` });
        expect(event.data).toEqual({
          ...{ incarnation: number, incarnationId: id },
          ...{ forkedAt: String(forkedAt), beginsAt: String(beginsAt) },
        });
      }
      expect(incarnation).toBe(toldOf[partition]);
      followers[partition]!.take(message);
    }
    expect(toldOf).toEqual(Array.from({ length: PARTITIONS }, () => 3));
    const undone = followers.flatMap((each) => each.undone);
    expect(undone.length).toBe(80);
    expect(followers.flatMap(({ missed }) => missed)).toEqual([]);
    const applied = followers.flatMap((each) => [...each.applied.values()]);
    expect(applied.toSorted()).toEqual(events.map(({ id }) => id).toSorted());
    expect(applied.filter((id) => lost.includes(id))).toEqual([]);
    const expected = await positionsOf(store, PARTITIONS);
    for (const [partition, each] of followers.entries()) {
      expect([...each.applied.keys()]).toEqual(expected.get(partition) ?? []);
    }
  });
});

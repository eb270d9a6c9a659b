import { afterAll, beforeAll, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { newId } from '#platform/kernel/ids.js';
import { App, until } from '../faults/app.js';
import { describeWithKafka } from '../support/kafka.js';
import { otlpReceiver } from '../support/otlp-receiver.js';
import { createTestDatabase } from '../support/postgres.js';
import { Program } from './processes.js';

describeWithKafka('a trace over Kafka', (brokers) => {
  const topic = `yad.test.${newId()}`;
  const stops: (() => Promise<unknown> | void)[] = [];
  let receiver: Awaited<ReturnType<typeof otlpReceiver>>;
  let [operations, analytics]: (App | undefined)[] = [];

  beforeAll(async () => {
    receiver = await otlpReceiver();
    stops.push(() => receiver.close());
    const database = await createTestDatabase();
    stops.push(() => database.drop());
    const env = {
      KAFKA_BROKERS: brokers.join(','),
      YAD_TOPIC: topic,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_TRACES_SAMPLER_ARG: '1',
    };
    operations = await App.start('operations', database.url, env);
    stops.push(() => operations!.stop());
    const relay = new Program('relay/main.js', { env: { DATABASE_URL: database.url, ...env } });
    stops.push(() => relay.stop());
    await relay.said(/relay: store ->/);
    analytics = await App.start('analytics', database.url, env);
    stops.push(() => analytics!.stop());
  }, 120_000);
  afterAll(async () => {
    for (const stop of stops.toReversed()) await stop();
    const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] }).catch(() => {});
    await admin.disconnect();
  }, 120_000);

  it('is one, from the request to the write of the read models, each in its process', async () => {
    const { body } = await operations!.register();
    await analytics!.get(`/v1/customers/${body.id}?minPosition=${body.position}`);
    const spans = await until('spans of all processes', 30_000, async () => {
      const request = receiver.spans.find(({ name }) => name === 'RegisterContact');
      const own = receiver.spans.filter(({ traceId }) => traceId === request?.traceId);
      return own.length >= 4 && own;
    });
    expect(spans.map(({ service, name }) => `${service}: ${name}`).toSorted()).toEqual([
      'yad-analytics: project',
      'yad-operations: RegisterContact',
      'yad-operations: append',
      'yad-relay: publish',
    ]);
    const request = spans.find(({ name }) => name === 'RegisterContact')!;
    for (const span of spans) if (span !== request) expect(span.parentSpanId).toBe(request.spanId);
  }, 60_000);
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { KafkaMessage, Message } from 'kafkajs';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { frameOf, publishedOf, toKafkaMessage, toStoredEvent } from './cloud-event.js';

const event: StoredEvent = {
  position: 9007199254740993n,
  stream: 'order-0198f3a0-1b2c-7d3e-8f40-123456789abc',
  revision: 3,
  id: '0198f3a0-1b2c-7d3e-8f40-00000000000a',
  type: 'crm.sales.order.placed',
  schemaVersion: 1,
  occurredAt: new Date('2011-12-09T12:50:00.000Z'),
  recordedAt: new Date('2026-01-15T12:00:00.123Z'),
  subject: '0198f3a0-1b2c-7d3e-8f40-00000000000b',
  commandId: '0198f3a0-1b2c-7d3e-8f40-00000000000c',
  ordinal: 0,
  data: '{"total":1.50,  "note":"سلام 😀 \\u0000"}',
  sealed: '{"name": "یاد"}',
  meta: { actor: 'shop', reason: 'said "yes"', correlationId: '0198f3a0-1b2c-7d3e-8f40-00000000000d' },
};

/** What the broker gives back of what was sent: bytes. */
const received = ({ key, value, headers }: Message): Pick<KafkaMessage, 'key' | 'value' | 'headers'> => ({
  key: Buffer.from(key as string),
  value: Buffer.from(value as string),
  headers: Object.fromEntries(Object.entries(headers!).map(([name, text]) => [name, Buffer.from(text as string)])),
});

describe('a message on Kafka', () => {
  it('is the one that was shipped', () => {
    const golden = JSON.parse(readFileSync(`${process.cwd()}/test/golden/kafka-message.json`, 'utf8')) as unknown;
    expect(toKafkaMessage({ event, partition: 4, previous: 41n })).toEqual(golden);
    const { position } = frameOf(received(golden as Message).headers)!;
    expect(position).toBe(event.position);
    expect(toStoredEvent(received(golden as Message), frameOf(received(golden as Message).headers)!)).toEqual(event);
  });

  it('has a body that is JSON', () => {
    expect(JSON.parse(toKafkaMessage({ event, partition: 0, previous: 0n }).value as string)).toMatchObject({
      data: { total: 1.5 },
      sealed: { name: 'یاد' },
      stream: event.stream,
    });
  });

  it('gives back the identical event, data and sealed byte for byte', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.option(fc.json()),
        fc.string({ unit: 'binary' }),
        fc.nat(),
        (data, sealed, actor, previous) => {
          const sent = { ...event, data, sealed, meta: { actor } };
          const message = received(toKafkaMessage({ event: sent, partition: 0, previous: BigInt(previous) }));
          const frame = frameOf(message.headers)!;
          expect(frame.previous).toBe(BigInt(previous));
          expect(toStoredEvent(message, frame)).toEqual(sent);
        },
      ),
    );
  });

  it('says where all partitions end, when it is the last of its partition in a send', () => {
    const published = {
      position: 9007199254740994n,
      heads: new Map([
        [0, 7n],
        [4, 9007199254740993n],
      ]),
    };
    const last = received(toKafkaMessage({ event, partition: 4, previous: 41n, published }));
    expect(publishedOf(last.headers)).toEqual(published);
    expect(toStoredEvent(last, frameOf(last.headers)!)).toEqual(event);
    expect(publishedOf(received(toKafkaMessage({ event, partition: 4, previous: 41n })).headers)).toBeUndefined();
    expect(publishedOf({ ce_yadheads: '7,x' })).toBeUndefined();
  });

  it('is told from messages of others', () => {
    expect(frameOf({})).toBeUndefined();
    expect(frameOf({ ce_yadframe: 'x' })).toBeUndefined();
    const message = received(toKafkaMessage({ event, partition: 0, previous: 0n }));
    const frame = frameOf(message.headers)!;
    expect(() => toStoredEvent({ ...message, value: Buffer.from('{}') }, frame)).toThrow('not framed');
    expect(() => toStoredEvent({ ...message, key: null }, frame)).toThrow('no key');
  });
});

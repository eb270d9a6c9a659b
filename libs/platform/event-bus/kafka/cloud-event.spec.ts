import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { KafkaMessage, Message } from 'kafkajs';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { newId } from '#platform/kernel/ids.js';
import { LogIdentity } from '#platform/event-store/log-identity.js';
import { frameOf, publishedOf, refusalOf, toKafkaMessage, toStoredEvent } from './cloud-event.js';
import { MessageAuthenticator, type LogSource } from './message-authenticator.js';

const event: StoredEvent = {
  position: 9007199254740993n,
  aggregate: 'order',
  aggregateId: '0198f3a0-1b2c-7d3e-8f40-123456789abc',
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
  personalData: '{"sealed":0,"parts":{"profile":{"name": "یاد"}}}',
  meta: { actor: 'shop', onBehalfOf: 'said "yes"', correlationId: '0198f3a0-1b2c-7d3e-8f40-00000000000d' },
};

const aLog = (id: string, secret: string, forks: readonly [bigint, bigint][] = []): LogSource => {
  const incarnations = [[0n, 1n] as const, ...forks].map(([forkedAt, beginsAt], at) => ({
    number: at + 1,
    id: `0198f3a0-1b2c-7d3e-8f40-00000000010${at}`,
    forkedAt,
    follows: forkedAt,
    beginsAt,
  }));
  const identity = new LogIdentity(id, Buffer.from(secret), incarnations);
  return { identity, refreshIdentity: async () => identity };
};
const LOG = '0198f3a0-1b2c-7d3e-8f40-0000000000ff';
const authenticator = new MessageAuthenticator(aLog(LOG, 'a secret of the specs'));

/** What the broker gives back of what was sent: bytes. */
const received = ({ key, value, headers }: Message): Pick<KafkaMessage, 'key' | 'value' | 'headers'> => ({
  key: Buffer.from(key as string),
  value: Buffer.from(value as string),
  headers: Object.fromEntries(Object.entries(headers!).map(([name, text]) => [name, Buffer.from(text as string)])),
});

describe('a message on Kafka', () => {
  it('is the one that was shipped', () => {
    const golden = JSON.parse(readFileSync(`${process.cwd()}/test/golden/kafka-message.json`, 'utf8')) as unknown;
    expect(toKafkaMessage({ event, partition: 4, previous: 41n }, authenticator)).toEqual(golden);
    const { position } = frameOf(received(golden as Message).headers)!;
    expect(position).toBe(event.position);
    expect(toStoredEvent(received(golden as Message), frameOf(received(golden as Message).headers)!)).toEqual(event);
  });

  it('has a body that is JSON', () => {
    expect(
      JSON.parse(toKafkaMessage({ event, partition: 0, previous: 0n }, authenticator).value as string),
    ).toMatchObject({
      data: { total: 1.5 },
      personalData: { sealed: 0, parts: { profile: { name: 'یاد' } } },
      aggregate: event.aggregate,
      aggregateId: event.aggregateId,
    });
  });

  it('gives back the identical event, data and personalData byte for byte', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.option(fc.json()),
        fc.string({ unit: 'binary' }),
        fc.nat(),
        (data, personalData, actor, previous) => {
          const sent = { ...event, data, personalData, meta: { actor } };
          const message = received(
            toKafkaMessage({ event: sent, partition: 0, previous: BigInt(previous) }, authenticator),
          );
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
    const last = received(toKafkaMessage({ event, partition: 4, previous: 41n, published }, authenticator));
    expect(publishedOf(last.headers)).toEqual(published);
    expect(toStoredEvent(last, frameOf(last.headers)!)).toEqual(event);
    expect(
      publishedOf(received(toKafkaMessage({ event, partition: 4, previous: 41n }, authenticator)).headers),
    ).toBeUndefined();
    expect(publishedOf({ ce_yadheads: '7,x' })).toBeUndefined();
  });

  describe('is believed only', () => {
    const published = { position: event.position, heads: new Map([[4, event.position]]) };
    const sent = received(toKafkaMessage({ event, partition: 4, previous: 41n, published }, authenticator));
    const reader =
      (log: LogSource) =>
      (message: typeof sent, partition: number, after = 0n) =>
        refusalOf(message, partition, frameOf(message.headers)!, after, new MessageAuthenticator(log));
    const refused = reader(aLog(LOG, 'a secret of the specs'));
    const changed = (name: string, value: string): typeof sent => ({
      ...sent,
      headers: { ...sent.headers, [name]: Buffer.from(value) },
    });
    const frame = sent.headers!['ce_yadframe']!.toString();

    it('where it comes from the relay of this log', () => {
      expect(refused(sent, 4)).toBeUndefined();
      expect(reader(aLog(newId(), 'a secret of the specs'))(sent, 4)).toBe('of another log');
      expect(refused(changed('ce_source', 'urn:uuid:x'), 4)).toBe('of another log');
      expect(reader(aLog(LOG, 'another secret'))(sent, 4)).toBe('not from the relay');
    });

    it('once, and its position says so only where it is of this log', () => {
      expect(refused(sent, 4, event.position - 1n)).toBeUndefined();
      expect(refused(sent, 4, event.position)).toBe('held');
      expect(refused(changed('ce_source', 'urn:uuid:x'), 4, event.position)).toBe('of another log');
    });

    it.each([
      ['another partition', sent, 3],
      ['another position', changed('ce_yadframe', frame.replace(String(event.position), '9007199254740999')), 4],
      ['another previous position', changed('ce_yadframe', frame.replace(',41,', ',40,')), 4],
      ['another incarnation', changed('ce_yadframe', frame.replace(/,1,([^,]*)$/, ',2,$1')), 4],
      ['no code', changed('ce_yadframe', frame.replace(/[^,]*$/, '')), 4],
      ['other heads of partitions', changed('ce_yadheads', '99999999999999999,4:99999999999999999'), 4],
      ['another id', changed('ce_id', newId()), 4],
      ['another type', changed('ce_type', 'crm.sales.order.cancelled'), 4],
      ['another customer', { ...sent, key: Buffer.from(newId()) }, 4],
      ['another body', { ...sent, value: Buffer.from(sent.value!.toString().replace('1.50', '9.50')) }, 4],
    ] as const)('as it was sent: %s', (_, message, partition) => {
      expect(refused(message, partition)).toBe('not from the relay');
    });

    it('while its event is in the log', () => {
      const early = { ...event, position: 900n };
      const of = (log: LogSource) =>
        received(toKafkaMessage({ event: early, partition: 4, previous: 41n }, new MessageAuthenticator(log)));
      const before = of(aLog(LOG, 'secret'));
      const failedOver = (forkedAt: bigint) => aLog(LOG, 'secret', [[forkedAt, 5_000_001n]]);
      expect(reader(failedOver(899n))(before, 4)).toBe('of a lost incarnation');
      expect(reader(failedOver(900n))(before, 4)).toBeUndefined();
      // Sent again by a relay that knows of the failover: positions given twice are told by the incarnation.
      expect(reader(failedOver(0n))(of(failedOver(0n)), 4)).toBeUndefined();
    });
  });

  it('is never dated ahead of the clock: a broker would refuse it, and with it all that follows', () => {
    const ahead = { ...event, recordedAt: new Date(Date.now() + 7_200_000) };
    const { timestamp } = toKafkaMessage({ event: ahead, partition: 0, previous: 0n }, authenticator);
    expect(Number(timestamp)).toBeLessThanOrEqual(Date.now());
  });

  it('is told from messages of others', () => {
    expect(frameOf({})).toBeUndefined();
    expect(frameOf({ ce_yadframe: 'x' })).toBeUndefined();
    const message = received(toKafkaMessage({ event, partition: 0, previous: 0n }, authenticator));
    const frame = frameOf(message.headers)!;
    expect(() => toStoredEvent({ ...message, value: Buffer.from('{}') }, frame)).toThrow('not framed');
    expect(() => toStoredEvent({ ...message, key: null }, frame)).toThrow('no key');
  });
});

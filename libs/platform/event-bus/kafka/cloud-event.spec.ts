import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Message } from 'kafkajs';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { newId } from '#platform/kernel/ids.js';
import { LogIdentity } from '#platform/event-store/log-identity.js';
import { readMessage, toKafkaMessage, type ReceivedMessage } from './cloud-event.js';
import type { BusMessage } from '../event-bus.js';
import { forkMessage } from './fork-message.js';
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
const received = ({ key, value, headers }: Message): ReceivedMessage => ({
  key: Buffer.from(key as string),
  value: Buffer.from(value as string),
  headers: Object.fromEntries(Object.entries(headers!).map(([name, text]) => [name, Buffer.from(text as string)])),
});

/** What our own readers make of it. */
const read = (message: ReceivedMessage, partition = 4, after = 0n): BusMessage | string => {
  const reading = readMessage(message, partition, after, authenticator);
  return reading.is === 'event' ? reading.message : reading.is === 'refused' ? reading.why : reading.is;
};

describe('a message on Kafka', () => {
  it('is the one that was shipped', () => {
    const golden = JSON.parse(readFileSync(`${process.cwd()}/test/golden/kafka-message.json`, 'utf8')) as Message;
    expect(toKafkaMessage({ event, partition: 4, previous: 41n }, authenticator)).toEqual(golden);
    expect(read(received(golden))).toEqual({ event, partition: 4, previous: 41n });
  });

  it('has the event itself for its body, the personal fields beside the open ones', () => {
    const bodyOf = (data: string, personalData: string | null): string =>
      toKafkaMessage({ event: { ...event, data, personalData }, partition: 0, previous: 0n }, authenticator)
        .value as string;
    const personalData = '{"sealed":0,"parts":{"profile":{"name":"Ada"}}}';
    expect(bodyOf('{"a": 1}', null)).toBe('{"a": 1}');
    expect(bodyOf('{"a": 1 }', personalData)).toBe(`{"a": 1 ,"personalData":${personalData}}`);
    expect(bodyOf('{ }', personalData)).toBe(`{ "personalData":${personalData}}`);
    expect(() => bodyOf('[1]', personalData)).toThrow('the data of crm.sales.order.placed at 9007199254740993 is not');
  });

  const text = fc.string({ unit: 'binary' });
  const id = fc.option(text, { nil: undefined });

  it('gives back the identical event, data and personalData byte for byte', () => {
    fc.assert(
      fc.property(
        fc.dictionary(text, fc.jsonValue()),
        fc.option(fc.json()),
        fc.record({ actor: text, onBehalfOf: id, correlationId: id, causationId: id }),
        fc.nat(),
        (fields, personalData, given, previous) => {
          const meta = Object.fromEntries(Object.entries(given).filter(([, each]) => each !== undefined));
          const sent = { ...event, data: JSON.stringify(fields), personalData, meta: meta as typeof event.meta };
          const message = { event: sent, partition: 4, previous: BigInt(previous) };
          expect(read(received(toKafkaMessage(message, authenticator)))).toEqual(message);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('has attributes that CloudEvents allows, and says who acted readably', () => {
    const headersOf = (actor: string): Record<string, unknown> =>
      toKafkaMessage({ event: { ...event, meta: { actor } }, partition: 0, previous: 0n }, authenticator).headers!;
    fc.assert(
      fc.property(text, (actor) => {
        expect(headersOf(actor)['ce_yadactor']).not.toMatch(/[\p{Cc}\p{Noncharacter_Code_Point}]/u);
      }),
    );
    expect(headersOf('یاد 😀, Zoë')['ce_yadactor']).toBe('یاد 😀, Zoë');
    expect(headersOf('50%\n')['ce_yadactor']).toBe('50%25%0A');
  });

  it('carries the trace of its command where that is recorded, and is otherwise what it was', () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const traced = { ...event, meta: { ...event.meta, traceparent } };
    const message = toKafkaMessage({ partition: 4, event: traced, previous: 1n }, authenticator);
    expect((read(received(message)) as BusMessage).event).toEqual(traced);
    // A reader that knows nothing of traces finds the same code right; one that is none misleads nobody.
    const { ce_traceparent: _trace, ...without } = message.headers!;
    expect(toKafkaMessage({ partition: 4, event, previous: 1n }, authenticator).headers).toEqual(without);
    const forged = { ...message, headers: { ...without, ce_traceparent: 'anything' } };
    expect((read(received(forged)) as BusMessage).event).toEqual(event);
  });

  it('says where all partitions end, when it is the last of its partition in a send', () => {
    const heads = new Map([
      [0, 7n],
      [4, 9007199254740993n],
    ]);
    const last = { event, partition: 4, previous: 41n, published: { position: 9007199254740994n, heads } };
    expect(read(received(toKafkaMessage(last, authenticator)))).toEqual(last);
  });

  describe('is believed only', () => {
    const published = { position: event.position, heads: new Map([[4, event.position]]) };
    const sent = received(toKafkaMessage({ event, partition: 4, previous: 41n, published }, authenticator));
    const reader =
      (log: LogSource) =>
      (message: ReceivedMessage, partition = 4, after = 0n) => {
        const reading = readMessage(message, partition, after, new MessageAuthenticator(log));
        return reading.is === 'refused' ? reading.why : reading.is;
      };
    const refused = reader(aLog(LOG, 'a secret of the specs'));
    const changed = (name: string, value: string): ReceivedMessage => ({
      ...sent,
      headers: { ...sent.headers, [name]: Buffer.from(value) },
    });

    it('where it comes from the relay of this log', () => {
      expect(refused(sent)).toBe('event');
      expect(reader(aLog(newId(), 'a secret of the specs'))(sent)).toBe('of another log');
      expect(refused(changed('ce_source', 'urn:uuid:x'))).toBe('of another log');
      expect(reader(aLog(LOG, 'another secret'))(sent)).toBe('not from the relay');
    });

    it('once, and its position says so only where it is of this log', () => {
      expect(refused(sent, 4, event.position - 1n)).toBe('event');
      expect(refused(sent, 4, event.position)).toBe('held');
      expect(refused(changed('ce_source', 'urn:uuid:x'), 4, event.position)).toBe('of another log');
    });

    const frame = sent.headers!['ce_yadframe']!.toString();
    it.each([
      ['another partition', sent, 3],
      ['other lengths', changed('ce_yadframe', frame.replace(/^\d+/, '39')), 4],
      ['no code', changed('ce_yadframe', frame.replace(/[^,]*$/, '')), 4],
      ['another customer', { ...sent, key: Buffer.from(newId()) }, 4],
      ['another body', { ...sent, value: Buffer.from(sent.value!.toString().replace('1.50', '9.50')) }, 4],
      ...[
        ['ce_yadposition', '9007199254740999'],
        ['ce_yadprevious', '40'],
        ['ce_yadincarnation', '2'],
        ['ce_yadheads', '99999999999999999,4:99999999999999999'],
        ['ce_id', newId()],
        ['ce_type', 'crm.sales.order.cancelled'],
        ['ce_time', '2011-12-09T12:50:00.001Z'],
        ['ce_recordedtime', '2011-12-09T12:50:00.001Z'],
        ['ce_yadversion', '2'],
        ['ce_yadaggregate', 'case'],
        ['ce_yadaggregateid', newId()],
        ['ce_yadrevision', '4'],
        ['ce_yadcommandid', newId()],
        ['ce_yadordinal', '1'],
        ['ce_yadactor', 'somebody'],
        ['ce_yadonbehalfof', 'somebody'],
        ['ce_correlationid', 'x'],
        ['ce_causationid', 'x'],
      ].map(([name, value]) => [`another ${name}`, changed(name!, value!), 4] as const),
    ] as const)('as it was sent: %s', (_, message, partition) => {
      expect(refused(message, partition)).toBe('not from the relay');
    });

    it('while its event is in the log', () => {
      const early = { ...event, position: 900n };
      const of = (log: LogSource) =>
        received(toKafkaMessage({ event: early, partition: 4, previous: 41n }, new MessageAuthenticator(log)));
      const before = of(aLog(LOG, 'secret'));
      const failedOver = (forkedAt: bigint) => aLog(LOG, 'secret', [[forkedAt, 5_000_001n]]);
      expect(reader(failedOver(899n))(before)).toBe('of a lost incarnation');
      expect(reader(failedOver(900n))(before)).toBe('event');
      // Sent again by a relay that knows of the failover: positions given twice are told by the incarnation.
      expect(reader(failedOver(0n))(of(failedOver(0n)))).toBe('event');
    });
  });

  describe('that tells of a fork of the log', () => {
    const fork = { number: 2, id: '0198f3a0-1b2c-7d3e-8f40-000000000101', forkedAt: 81236n };
    const sent = forkMessage(
      { ...fork, beginsAt: 1764240000000001n },
      4,
      authenticator,
      new Date('2026-01-15T12:00:00Z'),
    );

    it('is the one that was shipped, without a customer and without a position', () => {
      const golden = JSON.parse(
        readFileSync(`${process.cwd()}/test/golden/log-forked-message.json`, 'utf8'),
      ) as unknown;
      expect(sent).toEqual(golden);
    });

    it('is known as such, whatever is held, and only from the relay', () => {
      const message = { ...received({ ...sent, key: '' }), key: null } as ReceivedMessage;
      const readAs = (given: ReceivedMessage, partition = 4): string =>
        readMessage(given, partition, 9_000_000_000_000_000n, authenticator).is;
      expect(readAs(message)).toBe('fork');
      expect(read(message, 3)).toBe('not from the relay');
      expect(read({ ...message, value: Buffer.from('{"incarnation":99}') })).toBe('not from the relay');
      const named = (name: string, text: string): ReceivedMessage => ({
        ...message,
        headers: { ...message.headers, [name]: Buffer.from(text) },
      });
      expect(read(named('ce_source', 'urn:uuid:x'))).toBe('of another log');
      expect(read(named('ce_type', 'crm.sales.order.placed'))).toBe('not readable');
      expect(read({ ...message, value: null })).toBe('not readable');
    });

    it('has a reader that has not noticed the fork look', async () => {
      let looked = 0;
      const log = aLog(LOG, 'a secret of the specs');
      const telling = { ...log, refreshIdentity: async () => (looked++, log.identity) };
      const message = { ...received({ ...sent, key: '' }), key: null } as ReceivedMessage;
      expect(readMessage(message, 4, 0n, new MessageAuthenticator(telling)).is).toBe('fork');
      expect(looked).toBe(1);
    });
  });

  it('is never dated ahead of the clock: a broker would refuse it, and with it all that follows', () => {
    const ahead = { ...event, recordedAt: new Date(Date.now() + 7_200_000) };
    const { timestamp } = toKafkaMessage({ event: ahead, partition: 0, previous: 0n }, authenticator);
    expect(Number(timestamp)).toBeLessThanOrEqual(Date.now());
  });

  it('is told from messages of others', () => {
    const message = received(toKafkaMessage({ event, partition: 4, previous: 0n }, authenticator));
    const without = (name: string): ReceivedMessage => ({
      ...message,
      headers: Object.fromEntries(Object.entries(message.headers!).filter(([each]) => each !== name)),
    });
    const others = [{ key: null, value: null }, without('ce_yadframe'), without('ce_yadposition')];
    for (const other of [...others, { ...message, key: null }, { ...message, headers: undefined }]) {
      expect(read(other as ReceivedMessage)).toBe('not readable');
    }
    expect(read(without('ce_source'))).toBe('of another log');
    expect(read(without('ce_yadincarnation'))).toBe('not from the relay');
  });
});

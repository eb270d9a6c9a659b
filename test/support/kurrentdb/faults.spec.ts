import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  DeadlineExceededError,
  jsonEvent,
  KurrentDBClient,
  NotLeaderError,
  UnavailableError,
  UnknownError,
  WrongExpectedVersionError,
} from '@kurrent/kurrentdb-client';
import { KurrentDbDouble, type DoubleOptions } from './kurrentdb-double.js';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function aServer(options: DoubleOptions = {}, { node = undefined as number | undefined, more = '' } = {}) {
  const double = await KurrentDbDouble.start(options);
  stops.push(() => double.stop());
  const client = KurrentDBClient.connectionString(`${double.url(node)}${more}`);
  stops.push(() => client.dispose());
  return { double, client };
}

const noted = (text: string, id: string = randomUUID()) => jsonEvent({ id, type: 'noted', data: { text } });
const record = (text: string, streamName = 'note-1') => ({ streamName, record: noted(text) });
const FIRST = [{ type: 'stream_state', streamName: 'note-1', expectedState: 'no_stream' }] as const;

const lengthOf = (double: KurrentDbDouble, stream = 'note-1'): number => double.log.stream(stream).length;

const caught = (doing: Promise<unknown>): Promise<unknown> =>
  doing.then(
    () => 'no error',
    (error) => error,
  );

describe('faults of the double, as the real client tells them', () => {
  it('says that it is not ready, without having written', async () => {
    const { double, client } = await aServer();
    double.faults.onAppend({ written: false, answer: 'not-ready' });
    expect(await caught(client.appendRecords([record('a')]))).toBeInstanceOf(UnavailableError);
    expect(lengthOf(double)).toBe(0);
    expect((await client.appendRecords([record('a')])).responses).toEqual([{ streamName: 'note-1', revision: 0n }]);
  });

  it('loses the answer of an append that it has done: the same records again are answered as they were', async () => {
    const { double, client } = await aServer();
    for (const answer of ['cut', 'timeout', 'broken'] as const) {
      const records = [record(answer, `note-${answer}`)];
      const checks = [{ ...FIRST[0], streamName: `note-${answer}` }];
      double.faults.onAppend({ written: true, answer });
      const error = await caught(client.appendRecords(records, checks));
      expect(error).toBeInstanceOf(answer === 'timeout' ? DeadlineExceededError : UnavailableError);
      expect(lengthOf(double, `note-${answer}`)).toBe(1);
      expect((await client.appendRecords(records, checks)).responses).toMatchObject([{ revision: 0n }]);
      expect(lengthOf(double, `note-${answer}`)).toBe(1);
    }
  });

  it('says nothing, until the deadline of the client is over, before or after the append took effect', async () => {
    const { double, client } = await aServer({}, { more: '&defaultDeadline=300' });
    await client.appendRecords([record('first', 'note-0')]);
    for (const written of [false, true]) {
      double.faults.onAppend({ written, answer: 'silence' });
      expect(await caught(client.appendRecords([record('a')], [...FIRST]))).toBeInstanceOf(DeadlineExceededError);
      expect(lengthOf(double)).toBe(written ? 1 : 0);
    }
  });

  it('takes its time', async () => {
    const { double, client } = await aServer();
    await client.appendRecords([record('first', 'note-0')]);
    double.faults.onAppend({ written: false, delayMs: 200 });
    const began = performance.now();
    await client.appendRecords([record('a')]);
    expect(performance.now() - began).toBeGreaterThan(190);
  });

  it('gets a request twice, and has it once', async () => {
    const { double, client } = await aServer();
    double.faults.onAppend({ written: false, twice: true });
    expect((await client.appendRecords([record('a'), record('b')], [...FIRST])).responses).toMatchObject([
      { revision: 1n },
    ]);
    expect(lengthOf(double)).toBe(2);
  });

  it('does not lead: v1 calls are told who does, and the client goes there; v2 calls are told in a way that it cannot read', async () => {
    const { double, client } = await aServer({ nodes: 2 }, { node: 1 });
    const refused = await caught(client.appendToStream('note-1', noted('a'), { requiresLeader: true }));
    expect(refused).toBeInstanceOf(NotLeaderError);
    expect((refused as NotLeaderError).leader.port).toBe(Number(/:(\d+)\?/.exec(double.url(0))![1]));
    // It connects to the leader by itself.
    await client.appendToStream('note-1', noted('a'), { requiresLeader: true });
    double.elect(1);
    // Of a v2 call it makes an error without a leader, and stays where it is.
    for (let i = 0; i < 2; i++) {
      const error = (await caught(client.appendRecords([record('b')]))) as UnknownError;
      expect(error).toBeInstanceOf(UnknownError);
      expect(error.message).toContain('not the leader');
    }
    expect(lengthOf(double)).toBe(1);
  });

  it('finds the leader by gossip where it is given all nodes', async () => {
    const { double, client } = await aServer({ nodes: 3 });
    await client.appendRecords([record('a')]);
    for await (const _ of client.readStream('note-1', { requiresLeader: true }));
    expect(double.callsOf('Gossip')).toBeGreaterThan(1);
  });

  it('reads of the bridge need the leader where it is asked for, and go there after one refusal', async () => {
    const { double, client } = await aServer({ nodes: 2 }, { node: 1 });
    double.log.write({
      streams: [{ stream: 'note-1', expected: -1n }],
      events: [
        {
          id: randomUUID(),
          type: 'noted',
          isJson: true,
          data: Buffer.from('{}'),
          metadata: new Uint8Array(),
          streamIndex: 0,
        },
      ],
    });
    const read = async (requiresLeader: boolean): Promise<number> => {
      let events = 0;
      for await (const _ of client.readStream('note-1', { requiresLeader })) events++;
      return events;
    };
    // The preference for the leader, which a connection string has by default, counts for reads as if they asked for it.
    expect(await caught(read(false))).toBeInstanceOf(NotLeaderError);
    await sleep(300);
    expect(await read(true)).toBe(1);
    const follower = KurrentDBClient.connectionString(`${double.url(1)}&nodePreference=follower`);
    stops.push(() => follower.dispose());
    let events = 0;
    for await (const _ of follower.readStream('note-1')) events++;
    expect(events).toBe(1);
  });

  it('breaks a read in the middle, and a subscription', async () => {
    const { double, client } = await aServer();
    await client.appendRecords(Array.from({ length: 20 }, (_, i) => record(`${i}`)));
    let events = 0;
    const read = async (): Promise<void> => {
      for await (const _ of client.readStream('note-1')) events++;
    };
    double.faults.onRead({ of: 'read', after: 10, answer: 'not-ready' });
    expect(await caught(read())).toBeInstanceOf(UnavailableError);
    expect(events).toBeLessThanOrEqual(10);
    for (const answer of ['cut', 'not-ready', 'broken'] as const) {
      double.faults.onRead({ of: 'subscription', after: 5, answer });
      let seen = 0;
      const error = await new Promise((done) => {
        client
          .subscribeToStream('note-1')
          .on('data', () => seen++)
          .on('error', done);
      });
      expect([answer, error]).toEqual([answer, expect.any(answer === 'broken' ? UnknownError : UnavailableError)]);
      expect(seen).toBeLessThanOrEqual(5);
    }
    expect(double.faults.pending).toBe(0);
  });

  it('lets recording times step back', async () => {
    const { double, client } = await aServer();
    const times = ['2026-03-01T10:00:00Z', '2026-03-01T09:59:58Z'];
    for (const time of times) {
      double.log.clock = () => new Date(time);
      await client.appendToStream('note-1', noted('a'));
    }
    const created: string[] = [];
    for await (const { event } of client.readStream('note-1')) created.push(event!.created.toISOString());
    expect(created).toEqual(['2026-03-01T10:00:00.000Z', '2026-03-01T09:59:58.000Z']);
  });

  it('refuses more than it takes', async () => {
    const { client } = await aServer({ limits: { append: 10_000, record: 5_000 } });
    const large = (size: number, stream?: string) => record('x'.repeat(size), stream);
    expect(await caught(client.appendRecords([large(6_000)]))).toMatchObject({ type: 'append-record-size-exceeded' });
    expect(await caught(client.appendRecords([large(4_000), large(4_000), large(4_000)]))).toMatchObject({
      ...{ type: 'transaction-max-size-exceeded', maxSize: 10_000 },
    });
    expect(await caught(client.appendToStream('note-1', noted('x'.repeat(12_000))))).toMatchObject({
      ...{ type: 'maximum-append-size-exceeded', maxAppendSize: 10_000 },
    });
    await client.appendToStream('note-1', noted('a'));
    expect(await caught(client.appendToStream('note-1', noted('b'), { streamState: 'no_stream' }))).toBeInstanceOf(
      WrongExpectedVersionError,
    );
  });
});

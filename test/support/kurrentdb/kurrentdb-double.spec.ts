import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  AppendConsistencyViolationError,
  eventTypeFilter,
  jsonEvent,
  KurrentDBClient,
  StreamNotFoundError,
  streamNameFilter,
  UnavailableError,
  UnsupportedError,
  WrongExpectedVersionError,
  type AllStreamResolvedEvent,
  type StreamStateCheck,
} from '@kurrent/kurrentdb-client';
import { startDoubleProcess } from './double-process.js';
import { KurrentDbDouble, type DoubleOptions } from './kurrentdb-double.js';

const STATE = 'stream_state' as const;

const started: { double: KurrentDbDouble; client: KurrentDBClient }[] = [];
afterEach(async () => {
  for (const { double, client } of started.splice(0)) {
    await client.dispose();
    await double.stop();
  }
});

/** A double and a client of it, both gone after the test. */
async function aServer(options: DoubleOptions = {}) {
  const double = await KurrentDbDouble.start(options);
  const client = KurrentDBClient.connectionString(double.url());
  started.push({ double, client });
  return { double, client };
}

const noted = (text: string, id = randomUUID()) =>
  jsonEvent({ id, type: 'noted', data: { text }, metadata: { by: 'spec' } });

const record = (streamName: string, text: string, id = randomUUID()) => ({ streamName, record: noted(text, id) });

async function all(client: KurrentDBClient, options: Parameters<KurrentDBClient['readAll']>[0] = {}) {
  const events: AllStreamResolvedEvent[] = [];
  for await (const event of client.readAll(options)) events.push(event as AllStreamResolvedEvent);
  return events;
}

async function texts(events: AsyncIterable<{ event?: { data: unknown } }>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { event } of events) found.push((event!.data as { text: string }).text);
  return found;
}

describe('the double of KurrentDB, asked by the real client', () => {
  it('keeps what was appended to a stream, and gives it in both directions', async () => {
    const { double, client } = await aServer();
    const result = await client.appendToStream('note-1', [noted('one'), noted('two')], { streamState: 'no_stream' });
    expect(result).toMatchObject({ success: true, nextExpectedRevision: 1n });
    await client.appendToStream('note-1', noted('three'), { streamState: 1n });
    expect(double.callsOf('BatchAppend')).toBe(1);
    expect(await texts(client.readStream('note-1'))).toEqual(['one', 'two', 'three']);
    expect(
      await texts(client.readStream('note-1', { direction: 'backwards', fromRevision: 'end', maxCount: 2 })),
    ).toEqual(['three', 'two']);
    expect(await texts(client.readStream('note-1', { fromRevision: 1n, maxCount: 1, requiresLeader: true }))).toEqual([
      'two',
    ]);
    const [first] = await all(client, { filter: streamNameFilter({ prefixes: ['note-'] }) });
    expect(first!.event).toMatchObject({ type: 'noted', isJson: true, revision: 0n, metadata: { by: 'spec' } });
    expect(Date.now() - first!.event!.created.getTime()).toBeLessThan(60_000);
  });

  it('tells of a stream that is not there', async () => {
    const { client } = await aServer();
    await expect(texts(client.readStream('none'))).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  it('refuses what does not follow the revision that the client expects', async () => {
    const { client } = await aServer();
    await client.appendToStream('note-1', noted('one'));
    const wrong = await client.appendToStream('note-1', noted('two'), { streamState: 7n }).catch((error) => error);
    expect(wrong).toBeInstanceOf(WrongExpectedVersionError);
    expect(wrong).toMatchObject({ streamName: 'note-1', expectedState: 7n, actualState: 0n });
    const none = await client
      .appendToStream('note-2', noted('two'), { streamState: 'stream_exists' })
      .catch((error) => error);
    expect(none).toMatchObject({ expectedState: 'stream_exists', actualState: 'no_stream' });
  });

  it('writes to several streams at once, or to none where one of the checks fails, also of a stream only looked at', async () => {
    const { client } = await aServer();
    const written = await client.appendRecords(
      [record('note-1', 'a'), record('note-2', 'b'), record('note-1', 'c')],
      [
        { type: STATE, streamName: 'note-1', expectedState: 'no_stream' },
        { type: STATE, streamName: 'note-2', expectedState: 'no_stream' },
      ],
    );
    expect(written.responses).toEqual([
      { streamName: 'note-1', revision: 1n },
      { streamName: 'note-2', revision: 0n },
    ]);
    const ours = await all(client, { filter: streamNameFilter({ prefixes: ['note-'] }) });
    expect(ours.map(({ event }) => [event!.streamId, event!.revision])).toEqual([
      ['note-1', 0n],
      ['note-2', 0n],
      ['note-1', 1n],
    ]);
    expect(written.position).toBe(ours[2]!.event!.position.commit);
    expect(ours[0]!.event!.metadata).toEqual({ by: 'spec', '$schema.name': 'noted', '$schema.format': 'Json' });

    const refused = await client
      .appendRecords(
        [record('note-1', 'd'), record('note-3', 'e')],
        [
          { type: STATE, streamName: 'note-1', expectedState: 1n },
          { type: STATE, streamName: 'note-3', expectedState: 4n },
          { type: STATE, streamName: 'note-2', expectedState: 'no_stream' },
        ],
      )
      .catch((error) => error);
    expect(refused).toBeInstanceOf(AppendConsistencyViolationError);
    expect((refused as AppendConsistencyViolationError).violations).toEqual([
      { checkIndex: 1, streamName: 'note-3', expectedState: 4n, actualState: 'no_stream' },
      { checkIndex: 2, streamName: 'note-2', expectedState: 'no_stream', actualState: 0n },
    ]);
    expect(await texts(client.readStream('note-1'))).toEqual(['a', 'c']);
    await expect(texts(client.readStream('note-3'))).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  it('knows a write that it has done by its ids, also when a stream that it looked at has gone on', async () => {
    const { client } = await aServer();
    const records = [record('note-1', 'a'), record('note-2', 'b')];
    await client.appendToStream('seen', noted('seen'));
    const checks = [
      { type: STATE, streamName: 'note-1', expectedState: 'no_stream' },
      { type: STATE, streamName: 'seen', expectedState: 0n },
    ] as StreamStateCheck[];
    const first = await client.appendRecords(records, checks);
    await client.appendToStream('seen', noted('seen again'));
    await client.appendToStream('note-1', noted('later'));
    expect(await client.appendRecords(records, checks)).toEqual(first);
    const mixed = client.appendRecords([records[0]!, record('note-2', 'new')], checks);
    await expect(mixed).rejects.toBeInstanceOf(AppendConsistencyViolationError);
    expect(await texts(client.readStream('note-2'))).toEqual(['b']);
  });

  it('gives positions with holes, beyond what a number can tell, and events of the system among ours', async () => {
    const { client } = await aServer({ systemEventEvery: 3 });
    for (let i = 0; i < 4; i++) await client.appendToStream('note-1', [noted(`${i}`), noted(`${i}`)]);
    const events = await all(client);
    const positions = events.map(({ event }) => event!.position);
    for (const [i, { commit, prepare }] of positions.entries()) {
      expect(commit).toBe(prepare);
      if (i > 0) expect(commit - positions[i - 1]!.commit).toBeGreaterThan(100n);
    }
    expect(positions[0]!.commit).toBeGreaterThan(BigInt(Number.MAX_SAFE_INTEGER));
    expect(events.filter(({ event }) => event!.type.startsWith('$')).length).toBeGreaterThan(3);
    expect(await all(client, { filter: eventTypeFilter({ regex: '^[^$].*' }) })).toHaveLength(8);
    expect(await all(client, { filter: eventTypeFilter({ prefixes: ['noted', '$stats'] }) })).toHaveLength(12);
  });

  it('reads all from a position on, or back from before it', async () => {
    const { client } = await aServer();
    await client.appendToStream('note-1', [noted('a'), noted('b'), noted('c')]);
    const filter = streamNameFilter({ prefixes: ['note-'] });
    const [, b] = await all(client, { filter });
    const fromPosition = b!.event!.position;
    expect(await texts(client.readAll({ fromPosition, filter }) as never)).toEqual(['b', 'c']);
    expect(await texts(client.readAll({ fromPosition, filter, direction: 'backwards' }) as never)).toEqual(['a']);
    const back = client.readAll({ fromPosition: 'end', direction: 'backwards', filter, maxCount: 1 });
    expect(await texts(back as never)).toEqual(['c']);
    const between = { commit: fromPosition.commit + 1n, prepare: fromPosition.commit + 1n };
    await expect(all(client, { fromPosition: between })).rejects.toBeInstanceOf(UnavailableError);
  });

  it('subscribes to what there is and what comes, with checkpoints and a word when all was read', async () => {
    const { client } = await aServer({ systemEventEvery: 5 });
    for (let i = 0; i < 10; i++)
      await client.appendToStream(
        'other',
        Array.from({ length: 10 }, () => noted('other')),
      );
    await client.appendToStream('note-1', noted('a'));
    const checkpoints: bigint[] = [];
    const filter = streamNameFilter({
      ...{ prefixes: ['note-'], checkpointInterval: 1, maxSearchWindow: 10 },
      checkpointReached: async (_, { commit }) => void checkpoints.push(commit),
    });
    const seen: unknown[] = [];
    const subscription = client.subscribeToAll({ fromPosition: 'start', filter });
    const caughtUp = new Promise((done) => subscription.once('caughtUp', done));
    const live = new Promise<void>((done, fail) => {
      subscription.on('error', fail).on('data', ({ event }) => {
        seen.push((event!.data as { text: string }).text);
        if (seen.length === 2) done();
      });
    });
    const { position } = (await caughtUp) as { position: { commit: bigint } };
    expect(seen).toEqual(['a']);
    expect(checkpoints.length).toBeGreaterThan(10);
    expect(checkpoints.at(-1)).toBe(position.commit);
    await client.appendToStream('note-2', noted('b'));
    await live;
    expect(seen).toEqual(['a', 'b']);
    await subscription.unsubscribe();
  });

  it('is older when a test says so: it does not have what came later', async () => {
    const { client } = await aServer({ version: '25.1.0' });
    await expect(client.appendRecords([record('note-1', 'a')])).rejects.toBeInstanceOf(UnsupportedError);
    const appended = await client.multiStreamAppend([
      { streamName: 'note-1', expectedState: 'no_stream', events: [noted('a')] },
      { streamName: 'note-2', expectedState: 'no_stream', events: [noted('b'), noted('c')] },
    ]);
    expect(appended.responses.map(({ revision }) => revision)).toEqual([0n, 1n]);
    const again = client.multiStreamAppend([{ streamName: 'note-2', expectedState: 0n, events: [noted('d')] }]);
    await expect(again).rejects.toMatchObject({ expectedState: 0n, actualState: 1n });
    const { client: oldest } = await aServer({ version: '24.10.0' });
    const events = [{ streamName: 'note-1', expectedState: 'any' as const, events: [noted('a')] }];
    await expect(oldest.multiStreamAppend(events)).rejects.toBeInstanceOf(UnsupportedError);
  });

  it('runs as a process of its own', async () => {
    const double = await startDoubleProcess();
    const client = KurrentDBClient.connectionString(double.url);
    await client.appendRecords([record('note-1', 'a')]);
    expect(await texts(client.readStream('note-1'))).toEqual(['a']);
    await client.dispose();
    await double.stop();
  });
});

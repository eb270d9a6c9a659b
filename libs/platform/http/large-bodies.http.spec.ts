import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { CommandGateway } from '#platform/command-handling/command-gateway.js';
import { parseItems } from './batch-body.js';
import { parseJson } from './safe-json.js';
import { startParcels } from '#test/fixtures/parcels.fixture.js';

const KIB = 1024;
const item = (reason: string) => ({ command: 'SendParcel', reason, input: { label: 'x' } });
/** A sound body of so many bytes. */
const single = (bytes: number): string => `{"label":"x"}${' '.repeat(bytes - 13)}`;

describe('bodies under way', () => {
  let app: Awaited<ReturnType<typeof startParcels>>['app'] | undefined;
  afterEach(() => app?.close());

  /** An app that answers no command until it is let go. */
  const start = async () => {
    let letGo!: () => void;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const gateway: CommandGateway = {
      execute: async ({ id }) => {
        await gate;
        return { id, stream: `parcel-${id}`, revision: 0, position: 1n, events: 1, repeated: false };
      },
    };
    const bodiesUnderWay = { batches: 600 * KIB, others: 100 * KIB };
    ({ app } = await startParcels({ logger: false, gateway, bodiesUnderWay }));
    await app.listen(0, '127.0.0.1');
    const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
    const post = (path: string, body: string | ReadableStream, signal?: AbortSignal) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal,
        ...(typeof body !== 'string' && { duplex: 'half' }),
      } as RequestInit);
    return { url, post, letGo };
  };
  const batchOf = (count: number) =>
    JSON.stringify({ items: Array.from({ length: count }, () => item('x'.repeat(1000))) });
  const soon = () => new Promise((resolve) => setTimeout(resolve, 100));

  it('are refused beyond a bound of their bytes, batches and others apart, and taken again afterwards', async () => {
    const { url, post, letGo } = await start();
    const first = post('/v1/commands:batch', batchOf(400));
    await soon();
    const refused = await Promise.all(Array.from({ length: 5 }, () => post('/v1/commands:batch', batchOf(400))));
    expect(refused.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503]);
    expect(refused[0]!.headers.get('retry-after')).toBe('1');
    expect(await refused[0]!.json()).toMatchObject({ type: 'urn:yad:problem:overloaded' });
    // One that does not say how much it sends may send as much as a batch may have.
    const bytes = new TextEncoder().encode(batchOf(1));
    const unsized = new ReadableStream({ start: (to) => (to.enqueue(bytes), to.close()) });
    expect((await post('/v1/commands:batch', unsized)).status).toBe(503);
    // Small ones, and what has no body, find room.
    const small = post('/v1/commands:batch', batchOf(1));
    const one = post('/v1/parcels', single(13));
    expect((await fetch(`${url}/v1/rows`)).status).toBe(200);
    const second = post('/v1/parcels', single(70 * KIB));
    await soon();
    expect((await post('/v1/parcels', single(70 * KIB))).status).toBe(503);
    letGo();
    expect((await Promise.all([first, small, one])).map(({ status }) => status)).toEqual([200, 200, 201]);
    await second;
    expect((await post('/v1/commands:batch', batchOf(400))).status).toBe(200);
  });

  it('count no more when their senders leave in the middle of them, but do while their commands are under way', async () => {
    const { post, url, letGo } = await start();
    const body = batchOf(400);
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      `POST /v1/commands:batch HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n` +
        `content-length: ${body.length}\r\n\r\n${body.slice(0, 1000)}`,
    );
    await soon();
    expect((await post('/v1/commands:batch', body)).status).toBe(503);
    socket.destroy();
    await soon();
    const gone = new AbortController();
    const left = post('/v1/commands:batch', body, gone.signal).catch(() => 'left');
    await soon();
    await soon();
    gone.abort();
    expect(await left).toBe('left');
    await soon();
    expect((await post('/v1/commands:batch', body)).status).toBe(503);
    letGo();
    await soon();
    expect((await post('/v1/commands:batch', body)).status).toBe(200);
  });

  it('too large for themselves are refused as such', async () => {
    const { post } = await start();
    expect((await post('/v1/parcels', single(1100 * KIB))).status).toBe(413);
  });

  it('that are large are parsed a piece at a time, and answered as small ones are', async () => {
    const { post, letGo } = await start();
    letGo();
    const items = [...Array.from({ length: 300 }, () => item('x'.repeat(1000))), { command: 'Nope' }];
    const answer: any = await (await post('/v1/commands:batch', JSON.stringify({ items }))).json();
    expect(answer.outcomes.map(({ status }: any) => status)).toEqual([...Array(300).fill(201), 400]);
    const text = JSON.stringify({ items }).slice(0, -3);
    for (const broken of [text, `${text}]}x`, text.replace('"x"', '"\\x"'), text.replace(',{', '{')]) {
      const refused = await post('/v1/commands:batch', broken);
      expect([refused.status, ((await refused.json()) as any).type]).toEqual([
        400,
        'urn:yad:problem:malformed-request',
      ]);
    }
    const twice = JSON.stringify({ items }).replace('"input":{', '"input":{"label":"y",');
    expect(await (await post('/v1/commands:batch', twice)).json()).toMatchObject({
      status: 400,
      errors: [{ pointer: '/items/0/input/label' }],
    });
    const more = await post('/v1/commands:batch', JSON.stringify({ items, x: 1 }));
    expect(await more.json()).toMatchObject({ status: 400, errors: [{ pointer: '/x' }] });
  });
});

describe('a body that is parsed item by item', () => {
  const wanted = (text: string): unknown => {
    try {
      return parseJson(text);
    } catch {
      return 'refused';
    }
  };
  const got = async (text: string): Promise<unknown> => {
    try {
      const parsed = await parseItems(Buffer.from(text));
      return parsed ?? wanted(text);
    } catch {
      return 'refused';
    }
  };

  it('gives what parsing it whole gives, sound or broken', async () => {
    const blank = fc.constantFrom('', ' ', '\n\t', '\r\n ');
    const body = fc
      .tuple(fc.array(fc.json({ maxDepth: 3 }), { maxLength: 5 }), blank, blank)
      .map(([items, a, b]) => `${a}{${b}"items"${a}:${b}[${a}${items.join(`${a},${b}`)}${b}]${a}}${b}`);
    const edited = fc
      .tuple(body, fc.nat(200), fc.nat(3), fc.constantFrom('', ',', ']', '}', '"', '\\', '[', '1', ' x'))
      .map(([text, at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut));
    await fc.assert(
      fc.asyncProperty(fc.oneof(body, edited), async (text) => {
        expect(await got(text)).toEqual(wanted(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('lets others have their turn', async () => {
    const lines = Array.from({ length: 200 }, (_, line) => ({ line, sku: `S${line}`, quantity: '1' }));
    const text = JSON.stringify({ items: Array.from({ length: 1500 }, () => ({ lines })) });
    let done = false;
    let turns = 0;
    const parsed = parseItems(Buffer.from(text)).finally(() => (done = true));
    while (!done) {
      await turn();
      turns++;
    }
    expect((await parsed)?.items).toHaveLength(1500);
    expect(turns).toBeGreaterThan(5);
  });
});

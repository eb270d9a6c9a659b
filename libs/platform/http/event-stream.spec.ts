import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from '@jest/globals';
import type { FeedPage } from '#platform/event-feed/event-feed.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { Connections, watchedResponses } from './connections.js';
import { sendStream } from './event-stream.js';

it('holds a page for a client that does not read, asks for no more, and ends it', async () => {
  const { identity } = new MemoryEventStore();
  const text = JSON.stringify('x'.repeat(1_000_000));
  const pageAt = (position: bigint): FeedPage => {
    const event = { position, type: 't', subject: '', characters: text.length, text } as FeedPage['events'][number];
    return { identity, after: position - 1n, through: position, head: 1_000n, events: [event] };
  };
  let pages = 1;
  let closed = false;
  async function* endless(): AsyncGenerator<FeedPage> {
    try {
      while (pages < 1_000) yield pageAt(BigInt(++pages));
    } finally {
      closed = true;
    }
  }
  let sent!: Promise<void>;
  const server = createServer(watchedResponses, (_request, raw) => {
    sent = sendStream(raw, pageAt(1n), endless(), { requestId: 'request', unforeseen: () => {} });
  });
  Connections.watch(server, { patienceMs: 150 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const silent = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ port, host: '127.0.0.1' }, resolve).on('error', reject).end();
  });
  silent.on('error', () => {});
  await sent;
  // Some megabytes are in the buffers of the system; beyond them nothing was read for it.
  expect(pages).toBeLessThan(30);
  expect(closed).toBe(true);
  silent.destroy();
  await new Promise((resolve) => server.close(resolve));
});

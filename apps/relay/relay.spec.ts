import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RelayStatus } from '#platform/event-bus/relay/relay.js';
import { HealthCheck, serveHealth } from './health.js';

describe('the relay’s health', () => {
  let server: Server | undefined;
  afterEach(() => void server?.close());

  it('is ready while it gets on, and not when it has ended, is far behind or cannot tell', async () => {
    let status: RelayStatus = { role: 'active', position: 0n };
    let [position, head] = [0n, 0n];
    const check = new HealthCheck(
      {
        get status() {
          return status;
        },
      },
      { position: async () => position },
      {
        head: async () => {
          if (head < 0n) throw new Error('the store is away');
          return { position: head, recordedAt: null };
        },
      },
    );
    server = await serveHealth(0, '127.0.0.1', { check });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
    const ready = async (): Promise<number> => (await fetch(`${url}/ready`)).status;

    expect((await fetch(`${url}/live`)).status).toBe(200);
    expect((await fetch(`${url}/other`)).status).toBe(404);
    expect((await fetch(`${url}/ready`, { headers: { origin: 'http://evil.example' } })).status).toBe(403);
    expect(await ready()).toBe(200);
    head = 50_000n;
    expect(await ready()).toBe(503);
    position = 10_000n;
    expect(await ready()).toBe(200);
    expect(await ready()).toBe(503);
    status = { role: 'waiting', position: 0n };
    expect(await ready()).toBe(200);
    status = { role: 'ended', position: 0n };
    expect(await ready()).toBe(503);
    status = { role: 'active', position: 0n };
    head = -1n;
    const answer = await fetch(`${url}/ready`);
    expect([answer.status, await answer.json()]).toEqual([503, { ready: false, reason: 'the store is away' }]);
  });

  it('says that nothing can be published, also while nothing waits to be', async () => {
    const status: RelayStatus = { role: 'active', position: 0n };
    let outage: { since: number; reason: string } | undefined = {
      since: performance.now() - 1_000,
      reason: 'no broker',
    };
    const publisher = {
      get outage() {
        return outage;
      },
    };
    const empty = { position: async () => 0n };
    const check = new HealthCheck(
      { status },
      empty,
      { head: async () => ({ position: 0n, recordedAt: null }) },
      publisher,
    );
    expect((await check.look()).ready).toBe(true);
    outage = { since: performance.now() - 6_000, reason: 'no broker' };
    expect(await check.look()).toMatchObject({ ready: false, reason: 'nothing can be published: no broker' });
    outage = undefined;
    expect((await check.look()).ready).toBe(true);
  });

  it('answers when the database does not', async () => {
    const never = new Promise<never>(() => {});
    const status: RelayStatus = { role: 'active', position: 0n };
    const check = new HealthCheck({ status }, { position: () => never }, { head: () => never });
    server = await serveHealth(0, '127.0.0.1', { check });
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/health/ready`);
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { reason: expect.stringMatching(/did not answer/) },
    ]);
  });
});

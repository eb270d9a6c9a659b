import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definitions } from '#apps/definitions.js';
import { newId } from '#platform/kernel/ids.js';
import { noLog } from '#platform/observability/log.js';
import { Tracing } from '#platform/observability/tracing.js';
import { startSystem, type System } from '#platform/runtime/composition.js';
import { Lifecycle } from '#platform/runtime/lifecycle.js';
import { otlpReceiver, type ReceivedSpan } from '#test/support/otlp-receiver.js';
import { createTestDatabase } from '#test/support/postgres.js';

const CANARY = 'canary-55c2';
const PARENT = '00f067aa0ba902b7';

describe('traces', () => {
  let receiver: Awaited<ReturnType<typeof otlpReceiver>>;
  let system: System;
  let url: string;
  let ended: (() => Promise<void>) | undefined;

  beforeAll(async () => {
    receiver = await otlpReceiver();
    const database = await createTestDatabase();
    const lifecycle = new Lifecycle('test');
    lifecycle.onStop('database', () => database.drop());
    const tracing = await Tracing.start({ app: 'test', endpoint: receiver.endpoint, ratio: 0 });
    const databases = { store: database.url, readModels: database.url, keys: database.url };
    const parts = ['commands', 'read-models', 'audit'] as const;
    system = await startSystem(definitions, { databases, parts, tracing, log: noLog }, lifecycle);
    await system.app.listen(0, '127.0.0.1');
    url = (await system.app.getUrl()).replace('[::1]', '127.0.0.1');
    ended = async () => {
      ended = undefined;
      await lifecycle.stop();
      await tracing.stop();
    };
  });
  afterAll(async () => {
    await ended?.();
    receiver.close();
  });

  const send = async (body: unknown, traceparent?: string): Promise<any> => {
    const headers = { 'content-type': 'application/json', ...(traceparent && { traceparent }) };
    const answer = await fetch(`${url}/v1/contacts`, { method: 'POST', headers, body: JSON.stringify(body) });
    return answer.json();
  };

  it('lead from the sender through request and append to the write of the read models', async () => {
    const trace = 'a'.repeat(31) + '1';
    const unrecorded = 'b'.repeat(31) + '2';
    const contact = () => ({ id: newId(), kind: 'person', name: { full: CANARY } });
    const { position } = await send(contact(), `00-${trace}-${PARENT}-01`);
    // The sender does not record it, so nothing here does.
    const { position: second } = await send(contact(), `00-${unrecorded}-${PARENT}-00`);
    await send(contact());
    await send({ [CANARY]: CANARY }, `00-${'c'.repeat(32)}-${PARENT}-01`);
    const read = await fetch(`${url}/v1/audit/events?minPosition=${second}`);
    expect(read.status).toBe(200);
    const [first, next] = await system.store.readAll({ after: BigInt(position) - 1n, limit: 2 });
    for (let tries = 0; (await system.host!.lags()).projections.some(({ events }) => events > 0n); tries++) {
      if (tries > 200) throw new Error('the read models do not get there');
    }
    await ended!();

    const { spans } = receiver;
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([trace, 'c'.repeat(32)]));
    const own = spans.filter(({ traceId }) => traceId === trace);
    const named = (name: string): ReceivedSpan => {
      const found = own.filter((span) => span.name === name);
      expect([name, found.length]).toEqual([name, 1]);
      return found[0]!;
    };
    const request = named('RegisterContact');
    expect(own.map(({ name }) => name).toSorted()).toEqual(['RegisterContact', 'append', 'project']);
    expect(request.parentSpanId).toBe(PARENT);
    expect(named('append').parentSpanId).toBe(request.spanId);
    expect(named('project').parentSpanId).toBe(request.spanId);
    expect(request.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/v1/contacts',
      'http.response.status_code': 201,
    });
    expect(named('append').startedAt).toBeGreaterThanOrEqual(request.startedAt - 1);
    expect(named('project').endedAt).toBeGreaterThanOrEqual(named('append').endedAt);
    // The log has the trace of what is recorded, and of nothing else.
    expect(first!.meta.traceparent).toBe(`00-${trace}-${request.spanId}-01`);
    expect(next!.meta).toEqual({ actor: first!.meta.actor });
    const refused = spans.find(({ traceId }) => traceId === 'c'.repeat(32))!;
    expect(refused.attributes).toMatchObject({ 'http.response.status_code': 400, 'yad.problem': 'invalid-input' });
    expect(JSON.stringify(spans)).not.toContain(CANARY);
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '#platform/kernel/ids.js';
import { readLags } from '#platform/projections/running/lags.js';
import { Scrape } from '#test/support/scrape.js';
import { startSystem, type System } from '#test/support/system.js';

const CANARY = 'canary-9b1c';

describe('GET /metrics', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system.stop());
  const scrape = (): Promise<Scrape> => Scrape.of(system.url);

  it('counts commands and queries by what they came to, and how long they took', async () => {
    const { client } = system;
    const id = newId();
    const contact = { id, kind: 'person', name: { full: 'Ada' } };
    await client.post('/v1/contacts', contact);
    await client.post('/v1/contacts', contact);
    await client.post('/v1/contacts', { kind: 'nothing' });
    const { body } = await client.post('/v1/commands:batch', {
      items: [
        { command: 'RegisterContact', input: { kind: 'person', name: { full: 'Bob' } } },
        { command: 'RegisterContact', input: { kind: 'nothing' } },
        { command: CANARY, input: {} },
      ],
    });
    await client.get(`/v1/customers/${id}?minPosition=${body.outcomes[0].position}`);
    await client.get(`/v1/contacts/${id}`);
    const scraped = await scrape();
    const commands = (outcome: string): number | undefined =>
      scraped.value('yad_commands_total', { command: 'RegisterContact', outcome });
    expect([commands('ok'), commands('rule-violated'), commands('invalid-input')]).toEqual([2, 1, 2]);
    expect(scraped.value('yad_commands_total', { command: 'unknown', outcome: 'invalid-input' })).toBe(1);
    expect(scraped.value('yad_command_duration_seconds_count', { command: 'RegisterContact' })).toBe(3);
    expect(scraped.value('yad_command_batch_items_sum')).toBe(3);
    expect(scraped.value('yad_queries_total', { query: 'Customer360', outcome: 'ok' })).toBe(1);
    expect(scraped.value('yad_queries_total', { query: 'GetContact', outcome: 'ok' })).toBe(1);
    expect(scraped.value('yad_http_requests_total', { method: 'POST', status: '4xx' })).toBe(2);
  });

  it('tells how far log and read models are, and how long events took until they could be seen', async () => {
    const { client } = system;
    const { body } = await client.post('/v1/contacts', { kind: 'person', name: { full: 'Cid' } });
    expect((await client.get(`/v1/customers/${body.id}?minPosition=${body.position}`)).status).toBe(200);
    for (let tries = 0; ; tries++) {
      const scraped = await scrape();
      const lags = scraped.values.filter(({ name }) => name === 'yad_projection_lag_seconds');
      if (lags.some(({ value }) => value > 0) && tries < 100) continue;
      expect(scraped.value('yad_store_head_position')).toBe(Number(body.position));
      expect(new Set(lags.map(({ value }) => value))).toEqual(new Set([0]));
      expect(scraped.value('yad_projection_lag_events')).toBe(0);
      expect(scraped.value('yad_partition_lag_events')).toBe(0);
      expect(scraped.value('yad_event_visible_seconds_count')).toBeGreaterThan(0);
      expect(scraped.value('yad_event_visible_seconds_sum')).toBeGreaterThan(0);
      expect(scraped.value('yad_append_events_sum')).toBe(Number(body.position));
      expect(scraped.value('yad_append_failures_total')).toBe(0);
      expect(scraped.value('yad_projection_dead_letters')).toBe(0);
      expect(scraped.value('yad_projection_apart')).toBe(0);
      expect(scraped.value('yad_ready', { check: 'read models' })).toBe(1);
      expect(scraped.value('yad_ready', { check: 'store' })).toBe(1);
      expect(scraped.value('yad_db_connections_max', { pool: 'yad store: read' })).toBe(4);
      expect(scraped.value('yad_scrape_failures_total')).toBe(0);
      return;
    }
  });

  it('says how old the oldest event is that no read model holds', async () => {
    const { position } = await system.store.head();
    expect((await system.host.lags()).projections.every(({ seconds }) => seconds === 0)).toBe(true);
    // As if they had come no further than the log’s first event.
    const status = await system.host.progress.projectionStatus();
    const behind = new Map(
      [...status.checkpoints].map(([name, own]) => [name, new Map([...own].map(([at]) => [at, 1n]))]),
    );
    const [second] = await system.store.readAll({ after: 1n, limit: 1 });
    const clock = { now: () => new Date(second!.recordedAt.getTime() + 90_000) };
    const progress = { projectionStatus: async () => ({ checkpoints: behind, published: undefined }) };
    const { projections, partitions } = await readLags({ progress, store: system.store, clock }, [...behind.keys()]);
    for (const lag of projections) expect(lag).toMatchObject({ events: position - 1n, seconds: 90 });
    expect(new Set(partitions.values())).toEqual(new Set([position - 1n]));
  });

  it('has no label with a value that somebody sent, and units and types in its names', async () => {
    const headers = { 'yad-on-behalf-of': CANARY, 'user-agent': CANARY, 'content-type': 'application/json' };
    await fetch(`${system.url}/v1/${CANARY}`, { headers });
    await fetch(`${system.url}/v1/contacts/${CANARY}`, { headers });
    await fetch(`${system.url}/v1/contacts`, { method: 'POST', headers, body: JSON.stringify({ [CANARY]: CANARY }) });
    const scraped = await scrape();
    expect(scraped.text).not.toContain(CANARY);
    for (const [name, type] of scraped.types) {
      if (!name.startsWith('yad_')) continue;
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      if (type === 'histogram') expect(name).toMatch(/_(seconds|items|commands|events)$/);
    }
    const series = new Map<string, number>();
    for (const { name } of scraped.values) series.set(name, (series.get(name) ?? 0) + 1);
    // A command's histogram has one series for each bucket; nothing grows with what is asked.
    expect(Math.max(...series.values())).toBeLessThan(2_000);
  });
});

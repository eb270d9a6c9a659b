import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPool } from '#platform/postgres/pool.js';
import { startSystem, type System } from '../support/system.js';

describe('who saw what', () => {
  let system: System;
  let id: string;
  beforeAll(async () => {
    system = await startSystem();
    const { body } = await system.client.post('/v1/contacts', { name: { full: 'Ada Lovelace' } });
    id = body.id;
  }, 60_000);
  afterAll(() => system?.stop());

  const noted = async (query = '') => (await system.client.get(`/v1/audit/access-log${query}`)).body;

  it('is in the log before the answer is, with the reason and whom it was about, and no value', async () => {
    const { client, databaseUrl } = system;
    const seen = await client.get(`/v1/contacts/${id}`, { 'yad-reveal': 'the customer asks' });
    expect(seen.body.data.name.full).toBe('Ada Lovelace');
    const { data } = await noted();
    expect(data).toEqual([
      {
        ...{ outcome: 'seen', operation: 'GetContact', about: `id=${id}`, by: 'reveal', why: 'the customer asks' },
        ...{ id: expect.any(String), at: expect.any(String), actor: expect.any(String), roles: expect.any(Array) },
        ...{ request: seen.headers['yad-request-id'], count: 1 },
      },
    ]);
    const pool = createPool(databaseUrl);
    const { rows } = await pool.query<{ row: string }>('select e::text as row from access_log.entries e');
    await pool.end();
    expect(JSON.stringify(rows)).not.toContain('Lovelace');
  });

  it('is listed by who and when, in pages', async () => {
    for (const path of [`customers/${id}`, 'customers', `audit/customers/${id}/events`]) {
      await system.client.get(`/v1/${path}`, { 'yad-reveal': `looked at ${path.split('/')[0]}` });
    }
    const all: string[] = [];
    let cursor = '';
    for (;;) {
      const { data, next } = await noted(`?limit=2${cursor}`);
      all.push(...data.map(({ operation }: { operation: string }) => operation));
      if (!next) break;
      cursor = `&cursor=${next}`;
    }
    expect(all).toEqual(['EventsOfCustomer', 'Customers', 'Customer360', 'GetContact']);
    const [{ actor }] = (await noted('?limit=1')).data;
    expect((await noted(`?actor=${encodeURIComponent(actor)}`)).data).toHaveLength(4);
    expect((await noted('?actor=nobody')).data).toEqual([]);
    expect((await noted('?outcome=forbidden')).data).toEqual([]);
    expect((await noted(`?to=2026-01-01T00:00:00Z`)).data).toEqual([]);
  });
});

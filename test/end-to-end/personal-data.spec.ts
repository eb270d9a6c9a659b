import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startSystem, type System } from '../support/system.js';
import { yad } from './processes.js';

// With keys as an operator makes them: what each of them sees, and what is noted of it.

describe('personal values, by whose key it is', () => {
  let system: System;
  let id: string;
  const keys: Record<string, { authorization: string }> = {};
  beforeAll(async () => {
    system = await startSystem();
    ({
      body: { id },
    } = await system.client.post('/v1/contacts', { name: { full: 'Ada Lovelace' } }));
    const made = {
      desk: ['--role', 'analyst'],
      shop: ['--role', 'service', '--personal-data', 'delivery'],
      crawler: ['--role', 'service'],
      audit: ['--role', 'auditor'],
    };
    for (const [name, options] of Object.entries(made)) {
      const args = ['keys', 'create', '--name', name, ...options];
      const { output } = await yad(args, { DATABASE_URL: system.databaseUrl });
      keys[name] = { authorization: `Bearer ${/yad_[0-9a-f]{12}_[0-9a-f]{64}/.exec(output)![0]}` };
    }
    const url = `/v1/contacts/${id}`;
    for (const end = Date.now() + 10_000; Date.now() < end; await sleep(50)) {
      const answers = await Promise.all(Object.values(keys).map((key) => system.client.get(url, key)));
      if (answers.every(({ status }) => status === 200)) return;
    }
    throw new Error('the keys are not known after 10 s');
  }, 120_000);
  afterAll(() => system?.stop());

  const nameFor = async (key: string, more: Record<string, string> = {}) => {
    const { status, body } = await system.client.get(`/v1/contacts/${id}`, { ...keys[key]!, ...more });
    return status === 200 ? body.data.name : status;
  };

  it('are masked, seen for a purpose, or revealed for a reason', async () => {
    expect(await nameFor('desk')).toEqual({ masked: true });
    expect(await nameFor('crawler')).toEqual({ masked: true });
    expect(await nameFor('audit')).toEqual({ masked: true });
    expect(await nameFor('shop')).toEqual({ full: 'Ada Lovelace' });
    expect(await nameFor('audit', { 'yad-reveal': 'a complaint' })).toEqual({ full: 'Ada Lovelace' });
    expect(await nameFor('desk', { 'yad-reveal': 'curious' })).toBe(403);
    expect((await system.client.get('/v1/events', keys['crawler'])).status).toBe(403);
    expect((await system.client.get('/v1/events', keys['shop'])).status).toBe(200);
  });

  it('are not seen without a trace: who, what for, what was denied', async () => {
    // Denials are gathered for a second.
    await sleep(1_500);
    const { data } = (await system.client.get('/v1/audit/access-log?limit=1000', keys['audit'])).body;
    const told = new Set(
      (data as Record<string, string>[]).map(({ outcome, actor, operation, by, why }) =>
        [outcome, actor, operation, by, why].filter(Boolean).join(' '),
      ),
    );
    for (const entry of [
      'seen shop GetContact purpose delivery',
      'seen audit GetContact reveal a complaint',
      'seen shop EventFeed purpose delivery',
      'forbidden desk GetContact',
      'forbidden crawler EventFeed',
    ]) {
      expect(told).toContain(entry);
    }
    expect([...told].filter((entry) => /^seen (desk|crawler|developer)/.test(entry))).toEqual([]);
    expect((await system.client.get('/v1/audit/access-log', keys['desk'])).status).toBe(403);
  });
});

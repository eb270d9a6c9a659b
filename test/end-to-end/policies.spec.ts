import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { daysAfter } from '#platform/kernel/calendar.js';
import { definitions } from '#apps/definitions.js';
import { until } from '../faults/app.js';
import { speakTo } from '../support/speak.js';
import { yad } from './processes.js';
import { startSystem, type System } from '../support/system.js';

// What follows by itself, from outside: nobody sends these commands.
describe('policies, from outside', () => {
  let system: System;
  let database: pg.Pool;
  beforeAll(async () => {
    system = await startSystem(definitions, undefined, {
      limits: { lookMs: 100 },
      days: { YAD_REMIND_WAITING_CASE_DAYS: 1 },
    });
    database = new pg.Pool({ connectionString: system.databaseUrl, max: 1 });
    database.on('error', () => {});
  }, 60_000);
  afterAll(async () => {
    await database?.end();
    await system?.stop();
  });

  const { send, ask } = speakTo(() => system);
  const open = async (contact?: string): Promise<string> => {
    const { id } = await send('/cases', { contact, kind: 'question', channel: 'web', title: 'How?' });
    await send(`/cases/${id}/assign`, { assignee: 'lena' });
    return id;
  };
  const statusOf = async (id: string): Promise<string> => (await ask(`/cases/${id}`)).status;
  const eventsOf = async (id: string) => (await ask(`/audit/streams/case/${id}/events`)) as any[];
  const outcomes = async (of: string) =>
    (
      await database.query(
        `select policy, status, rule from policies.outcomes where aggregate_id = $1 order by position`,
        [of],
      )
    ).rows;

  it('a snoozed case wakes at its time, by a command that says of what it came', async () => {
    const id = await open();
    const wakes = new Date(Date.now() + 2_000);
    await send(`/cases/${id}/snooze`, { until: wakes.toISOString(), zone: 'Europe/London' });
    expect(await statusOf(id)).toBe('snoozed');
    await until('the case wakes', 15_000, async () => (await statusOf(id)) === 'in-progress');
    const events = await eventsOf(id);
    const [snoozed, resumed] = events.slice(-2);
    expect(resumed).toMatchObject({
      type: 'crm.service.case.resumed',
      actor: 'policy:wake-snoozed-case',
      causationId: snoozed.id,
    });
    expect(new Date(resumed.recordedAt) >= wakes).toBe(true);
    await until('the outcome is known', 5_000, async () => (await outcomes(id)).length > 0);
    expect(await outcomes(id)).toEqual([{ policy: 'wake-snoozed-case', status: 'accepted', rule: null }]);
  });

  it('a case that was resumed before is left as it is', async () => {
    const id = await open();
    await send(`/cases/${id}/snooze`, { until: new Date(Date.now() + 1_000).toISOString(), zone: 'UTC' });
    await send(`/cases/${id}/resume`, {});
    await send(`/cases/${id}/await-customer`, {});
    await new Promise((resolve) => setTimeout(resolve, 1_800));
    expect(await statusOf(id)).toBe('pending-customer');
    expect((await eventsOf(id)).at(-1).type).toBe('crm.service.case.customer-awaited');
  });

  it('a reminder is due a day later, and no sooner', async () => {
    const id = await open();
    await send(`/cases/${id}/await-customer`, {});
    const pending = async () =>
      (await database.query(`select policy, due from policies.pending where aggregate_id = $1`, [id])).rows;
    await until('the timer is set', 10_000, async () => (await pending()).length > 0);
    const awaited = (await eventsOf(id)).at(-1);
    expect(await pending()).toEqual([
      { policy: 'remind-waiting-case', due: daysAfter(new Date(awaited.recordedAt), 1, 'UTC') },
    ]);
    await send(`/cases/${id}/customer-replies`, { text: 'Here I am' });
    await until('the timer is taken back', 10_000, async () => (await pending()).length === 0);
  });

  it('a reply to a merged case is recorded in the one that it was merged into, and wakes it', async () => {
    const contact = (await send('/contacts', { name: { full: 'Ada' } })).id;
    const [original, duplicate] = [await open(contact), await open(contact)];
    await send(`/cases/${duplicate}/merge`, { into: original });
    await send(`/cases/${original}/await-customer`, {});
    await send(`/cases/${duplicate}/customer-replies`, { text: 'It still leaks', via: 'chat' });
    await until('the reply has come over', 15_000, async () => (await statusOf(original)) === 'in-progress');
    const { messages } = await ask(`/cases/${original}`);
    expect(messages.at(-1)).toMatchObject({ from: 'customer', via: 'chat', text: 'It still leaks' });
    const [moved] = (await eventsOf(original)).slice(-1);
    expect(moved.actor).toBe('policy:move-reply-to-original');
    // What waits to be sent holds nothing of what was written.
    const { rows } = await database.query(`select row_to_json(o)::text as text from policies.outcomes o`);
    expect(rows.filter(({ text }) => text.includes('leaks'))).toEqual([]);
  });

  it('what a rule refuses is an outcome', async () => {
    const contact = (await send('/contacts', { name: { full: 'Bea' } })).id;
    const [original, duplicate] = [await open(contact), await open(contact)];
    await send(`/cases/${duplicate}/merge`, { into: original });
    await send(`/cases/${original}/resolve`, { resolution: 'answered' });
    await send(`/cases/${original}/close`, {});
    await send(`/cases/${duplicate}/customer-replies`, { text: 'Hello?' });
    await until('the outcome is known', 15_000, async () => (await outcomes(duplicate)).length > 0);
    expect(await outcomes(duplicate)).toEqual([
      { policy: 'move-reply-to-original', status: 'refused', rule: 'case-not-closed' },
    ]);
  });

  it('is told, held, verified and replayed from the command line', async () => {
    const env = { DATABASE_URL: system.databaseUrl, YAD_REMIND_WAITING_CASE_DAYS: '1' };
    const run = async (...args: string[]): Promise<string[]> =>
      (await yad(['policies', ...args], env)).output
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('peak'));
    const listed = await run('list');
    expect(listed.map((line) => line.split('\t').slice(0, 3).join(' '))).toEqual([
      'follow-purchases version 1 on',
      'expire-draft-order version 1 off (YAD_EXPIRE_DRAFT_ORDER_DAYS is not set)',
      'wake-snoozed-case version 1 on',
      'remind-waiting-case version 1 on',
      'resolve-waiting-case version 1 off (YAD_RESOLVE_WAITING_CASE_DAYS is not set)',
      'move-reply-to-original version 1 on',
    ]);
    const refused = await run('outcomes', '--policy', 'move-reply-to-original', '--status', 'refused');
    expect(refused).toHaveLength(1);
    expect(refused[0]).toContain('\trefused\tcase-not-closed\t1\t');

    await run('pause', 'wake-snoozed-case');
    const id = await open();
    await send(`/cases/${id}/snooze`, { until: new Date(Date.now() + 500).toISOString(), zone: 'UTC' });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await statusOf(id)).toBe('snoozed');
    const told = (await run('replay', 'wake-snoozed-case', '--dry-run')).filter((line) => line.includes(id));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`ResumeCase case-${id}`);
    expect((await run('verify')).map((line) => line.replace(/\d+ pending/, 'n pending'))).toEqual([
      'follow-purchases: n pending, as the log says',
      'wake-snoozed-case: n pending, as the log says',
      'remind-waiting-case: n pending, as the log says',
      'move-reply-to-original: n pending, as the log says',
    ]);
    await run('resume', 'wake-snoozed-case');
    await until('the case wakes', 10_000, async () => (await statusOf(id)) === 'in-progress');

    // Acting on all of the log again sends nothing again.
    const before = await system.head();
    await run('replay', 'move-reply-to-original');
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await system.head()).toBe(before);
    await database.query(
      `update policies.pending set due = due + interval '1 hour' where policy = 'remind-waiting-case'`,
    );
    await database.query(`delete from policies.outcomes where policy = 'wake-snoozed-case'`);
    await expect(run('verify')).rejects.toThrow(/wake-snoozed-case: 0 pending; missing \d+/);
  }, 60_000);

  it('nothing of it was trouble', () => {
    expect(system.troubles).toEqual([]);
  });
});

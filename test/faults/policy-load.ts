import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { newId } from '#platform/kernel/ids.js';
import { until, type App } from './app.js';

// What policies are put under, and what they are held to afterwards.

interface EventRow {
  id: string;
  type: string;
  actor: string;
  cause: string | null;
  data: { status?: string; until?: string };
  recordedAt: Date;
}

/** Cases that are snoozed for a moment, and replies to merged ones, one after the other. */
export async function trade(app: App, signal: AbortSignal): Promise<void> {
  const send = async (path: string, body: object): Promise<any> => {
    const { status, body: answer } = await app.post(`/v1${path}`, body);
    if (status >= 300) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  while (!signal.aborted) {
    const contact = newId();
    await app.register(contact);
    const [original, duplicate, sleeping] = [newId(), newId(), newId()];
    for (const id of [original, duplicate, sleeping]) {
      await send('/cases', { id, contact, kind: 'question', channel: 'web', title: 'How?' });
      await send(`/cases/${id}/assign`, { assignee: 'lena' });
    }
    await send(`/cases/${duplicate}/merge`, { into: original });
    await send(`/cases/${duplicate}/customer-replies`, { text: 'Hello?' });
    const wakes = new Date(Date.now() + 300 + Math.random() * 2_000);
    // Now and then one that the reply, which is moved there, wakes first.
    const which = Math.random() < 0.2 ? original : sleeping;
    await send(`/cases/${which}/snooze`, { until: wakes.toISOString(), zone: 'UTC' });
    await sleep(20);
  }
}

/** What has had no command, two, or one at the wrong time; and how many there were. */
export async function wrongIn(pool: pg.Pool): Promise<{ found: string[]; counts: Record<string, number> }> {
  const { rows } = await pool.query<EventRow>(
    `select id, type, meta->>'actor' as actor, meta->>'causationId' as cause, data, recorded_at as "recordedAt" from store.events order by position`,
  );
  const caused = new Map<string, EventRow[]>();
  for (const row of rows) if (row.cause) caused.set(row.cause, [...(caused.get(row.cause) ?? []), row]);
  const outcomes = await pool.query(`select policy, event_id as id, status, rule from policies.outcomes`);
  const outcomeOf = new Map(outcomes.rows.map((row: any) => [`${row.policy} ${row.id}`, row]));
  const found: string[] = [];
  const counts = { events: rows.length, snoozed: 0, woken: 0, withdrawn: 0, replies: 0 };
  for (const row of rows) {
    if (row.actor.startsWith('policy:')) continue;
    const effects = caused.get(row.id) ?? [];
    const isReply = row.type.endsWith('.customer-replied') && row.data.status === 'duplicate';
    if (!isReply && !row.type.endsWith('.case.snoozed')) continue;
    const policy = isReply ? 'move-reply-to-original' : 'wake-snoozed-case';
    const outcome = outcomeOf.get(`${policy} ${row.id}`);
    if (isReply) {
      counts.replies++;
      if (effects.length !== 1) found.push(`${row.id}: a reply was moved ${effects.length} times, ${outcome?.status}`);
      continue;
    }
    counts.snoozed++;
    // The reply that is moved there may have woken it before.
    if (effects.length > 1) found.push(`${row.id}: woken ${effects.length} times`);
    if (effects.length === 1 && outcome?.status !== 'accepted') found.push(`${row.id}: woken, and ${outcome?.status}`);
    if (effects.length === 0) {
      counts.withdrawn++;
      if (outcome && outcome.status !== 'withdrawn')
        found.push(`${row.id}: not woken, and ${outcome.status} ${outcome.rule}`);
    } else counts.woken++;
    if (effects.some(({ recordedAt }) => recordedAt < new Date(row.data.until!)))
      found.push(`${row.id}: woken too soon`);
  }
  return { found, counts };
}

/** Waits until all that was recorded has been read for, and all that is due has been sent. */
export const allSent = (pool: pg.Pool, ms: number) =>
  until('nothing is left to be sent', ms, async () => {
    const { rows } = await pool.query(
      `select (select count(*)::int from policies.pending) as pending,
              (select min(position) from policies.checkpoints) >= (select max(position) from store.events) as "isRead"`,
    );
    return rows[0].pending === 0 && rows[0].isRead;
  });

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  broken,
  cleared,
  counted,
  counts,
  expectedCounts,
  feed,
  noted,
  PARTITIONS,
  refusedText,
  subjectOf,
  tags,
  timeline,
  World,
} from './fixture.js';

let world: World;
beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.close());

const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);

async function expectCounts(version = 1): Promise<void> {
  const { rows } = await world.pool.query<any>(
    `select subject, day::text, total::text, amounts, events from analytics.counts_by_day`,
  );
  const found = new Map<string, any>(
    rows.map(({ subject, day, total, amounts }: any) => [`${subject} ${day}`, { total, amounts }]),
  );
  const expected = await expectedCounts(world, version);
  expect(await world.astray()).toBe(0);
  expect([...found.keys()].toSorted()).toEqual([...expected.keys()].toSorted());
  for (const [key, { total, amounts }] of expected) {
    expect(found.get(key)?.amounts).toEqual(amounts);
    expect(Number(found.get(key)?.total)).toBeCloseTo(Number(total), 6);
  }
}

describe('a projection group', () => {
  beforeEach(async () => {
    broken.clear();
    await world.close();
    world = await World.create();
  });

  it('applies deliveries once, whatever is doubled, lost or late', async () => {
    const group = await world.group(counts());
    for (let i = 0; i < 40; i++) {
      await world.happen({ subject: i % 5, what: i % 11 === 0 ? 'cleared' : 'counted', day: i % 3, amount: i });
    }
    const messages = await world.messages();
    await feed(group, { messages: messages.slice(0, 10), partitions: all });
    await feed(group, { messages: messages.slice(0, 10), partitions: all });
    // 10 to 19 are lost; the rest comes from the back.
    await feed(group, { messages: messages.slice(30), partitions: all });
    await feed(group, { messages: messages.slice(20, 30), partitions: all });
    await group.reconcile(new Map([['test-counts', new Map(all.map((partition) => [partition, 40n]))]]));
    await expectCounts();
  });

  it('parks a poison event and all later ones of its subject, and retries them in order', async () => {
    broken.add('6.66');
    const group = await world.group(counts());
    await world.append(1, counted({ amount: '1.00', day: '2026-01-01' }));
    await world.append(1, counted({ amount: '6.66', day: '2026-01-01' }));
    await world.append(2, counted({ amount: '2.00', day: '2026-01-01' }));
    await world.append(1, counted({ amount: '3.00', day: '2026-01-01' }));
    await feed(group, { messages: await world.messages(), partitions: all });
    await world.append(1, counted({ amount: '4.00', day: '2026-01-01' }));
    await feed(group, { messages: await world.messages(4n), partitions: all });
    const admin = await world.admin(counts());
    const letters = await admin.deadLetters();
    expect(letters.map(({ position, cause }) => [position, cause])).toEqual([
      [2n, true],
      [4n, false],
      [5n, false],
    ]);
    expect(letters[0]!.error).toBe('cannot count 6.66');
    expect(await world.rows('counts_by_day')).toHaveLength(2);

    // Not mended yet: stays as it is, the attempt is counted.
    expect(await admin.retry('test-counts', subjectOf(1))).toEqual({ applied: 0, parked: 3, discarded: 0 });
    expect((await admin.deadLetters())[0]!.attempts).toBe(2);
    broken.clear();
    expect(await admin.retry('test-counts', subjectOf(1))).toEqual({ applied: 3, parked: 0, discarded: 0 });
    await world.append(1, counted({ amount: '5.00', day: '2026-01-01' }));
    await feed(group, { messages: await world.messages(5n), partitions: all });
    await expectCounts();
    expect(await admin.deadLetters()).toEqual([]);
  });

  it('finds the event whose row the database refuses', async () => {
    const group = await world.group(tags());
    for (let i = 0; i < 20; i++) await world.append(i % 3, noted({ text: i === 7 ? refusedText : 'usual' }));
    await feed(group, { messages: await world.messages(), partitions: all });
    const admin = await world.admin(tags());
    const letters = await admin.deadLetters();
    expect(letters[0]).toMatchObject({ position: 8n, cause: true, error: expect.stringMatching(/exceeds/) });
    // Of the 20 events, 7 are the poison's subject's: 2 before it, the poison, 4 after.
    expect(letters).toHaveLength(5);
    const { rows } = await world.pool.query<any>(`select subject, uses from analytics.tags`);
    expect(new Map(rows.map(({ subject, uses }: any) => [subject, uses]))).toEqual(
      new Map([
        [subjectOf(0), 7],
        [subjectOf(1), 2],
        [subjectOf(2), 6],
      ]),
    );
    expect(await admin.discard('test-tags', subjectOf(1))).toEqual({ applied: 4, parked: 0, discarded: 1 });
    // What a person left out is left out by a rebuild too.
    const comparison = await admin.verify('test-tags');
    expect(comparison.differences).toEqual([]);
    expect(comparison.equal).toBe(true);
  });

  it('takes over from a zombie, which then takes over again, and nothing is doubled', async () => {
    const [one, two] = [await world.group(counts()), await world.group(counts())];
    for (let i = 0; i < 60; i++) await world.happen({ subject: i % 7, what: 'counted', day: i, amount: i });
    const messages = await world.messages();
    const both: Promise<void>[] = [];
    for (let at = 0; at < 60; at += 6) {
      const delivery = { messages: messages.slice(at, at + 6), partitions: all };
      both.push(one.deliver(delivery), two.deliver(delivery));
    }
    await Promise.all(both);
    await expectCounts();
  });

  it('goes on when the server breaks its connections', async () => {
    const group = await world.group(counts());
    for (let i = 0; i < 300; i++) await world.happen({ subject: i % 9, what: 'counted', day: i, amount: i });
    const messages = await world.messages();
    const delivered: Promise<void>[] = [];
    for (let at = 0; at < 300; at += 5) {
      delivered.push(group.deliver({ messages: messages.slice(at, at + 5), partitions: all }));
      if (at % 50 !== 0) continue;
      await new Promise((resolve) => setTimeout(resolve, 3));
      await world.breakConnections();
    }
    await Promise.all(delivered);
    await expectCounts();
  });

  it('does not pass over what it was not handed when a delivery says how far it goes', async () => {
    const group = await world.group(counts());
    for (let i = 0; i < 12; i++) await world.happen({ subject: i, what: 'counted', day: i, amount: i });
    const messages = await world.messages();
    await group.checkpoints(all);
    const only = messages.filter(({ partition }) => partition === 0);
    // As after a swap to a build that is behind: the delivery claims 12 for partitions of which it brings nothing new.
    await group.deliver({ messages: [], partitions: all, through: 11n });
    await world.pool.query(`update projections.checkpoints set position = 0; delete from analytics.counts_by_day`);
    group.forget();
    await feed(group, { messages: only.slice(-1), partitions: all, through: 12n });
    await expectCounts();
  });

  it('keeps a timeline of appended rows', async () => {
    const group = await world.group(timeline());
    await world.append(1, noted({ text: 'ab\'c"\\ ü' }));
    await world.append(1, cleared({ day: '2026-01-01' }));
    await feed(group, { messages: await world.messages(), partitions: all });
    const { rows } = await world.pool.query<any>(`select position, kind, text from analytics.entries order by 1`);
    expect(rows).toEqual([
      { position: '1', kind: 'test.noted', text: 'ab\'c"\\ ü' },
      { position: '2', kind: 'test.cleared', text: null },
    ]);
  });
});

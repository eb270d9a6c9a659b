import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { projections, queries } from '#analytical/index.js';
import { aliases } from '#analytical/aliases/aliases.projection.js';
import { subjectsAbout } from '#analytical/aliases/family.js';
import { profile } from '#analytical/profile/profile.projection.js';
import { contactTagged } from '#contracts/contacts/contact.events.js';
import type { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { NotYetThere } from '#platform/kernel/errors.js';
import { Id, newId } from '#platform/kernel/ids.js';
import { FoldedReads } from '#platform/projections/as-of/folded-reads.js';
import { DefinitionChanged, PointIncomplete } from '#platform/projections/as-of/past-reads.js';
import { pointOfAnswer, type Point } from '#platform/projections/as-of/point.js';
import { TooMuchToFold, type FoldBounds } from '#platform/projections/as-of/too-much-to-fold.js';
import { query, type QueryDefinition, type ReadModels } from '#platform/projections/definition/query.js';
import { DecodedEvents } from '#platform/projections/folding/decoded-events.js';
import { Progress } from '#platform/projections/running/progress.js';
import { CustomerHistory } from '../../fixtures/customer-history.fixture.js';
import { idOf } from '../../fixtures/read-models.fixture.js';
import { codec, Filled, now, PARTITIONS, pointAt, storeOf } from './filled.js';

const view = queries.find(({ name }) => name === 'Customer360')!;

/** Ann and ben, each with a sale; ben is merged into ann. Cem has nothing to do with them. */
function merged(): CustomerHistory {
  const history = new CustomerHistory();
  history.sell('1', idOf('ann'), '2026-01-03', '10');
  history.sell('2', idOf('ben'), '2026-01-04', '5');
  history.merge('ben', 'ann');
  history.sell('3', idOf('cem'), '2026-01-05', '7');
  return history;
}

const reading = (sql: string): QueryDefinition =>
  query({
    name: 'Reading',
    summary: 'Reads',
    route: 'GET /v1/reading/:id',
    parameters: z.strictObject({ id: Id }),
    answer: z.any(),
    reads: [profile, aliases],
    about: ({ id }, read) => subjectsAbout(read, id),
    run: (_parameters, { read }) => read.rows(sql),
  });

describe('an answer folded from events', () => {
  let live: Filled;
  let fresh: Filled;
  let store: MemoryEventStore;
  let history: CustomerHistory;
  let head: bigint;
  beforeAll(async () => {
    [live, fresh] = await Promise.all([Filled.create(), Filled.create()]);
  });
  afterAll(async () => {
    await Promise.all([live.close(), fresh.close()]);
  });
  beforeEach(async () => {
    history = merged();
    store = await storeOf(history.events);
    head = BigInt(history.events.length);
    await live.fill(store, pointAt(store, head));
  });

  const positionOf = (subject: string, type: string): bigint =>
    history.events.find((event) => event.subject === subject && event.type.endsWith(type))!.position;
  const askOf = (
    id: string,
    point: Point = pointAt(store, head),
    { of = view, bounds }: { of?: QueryDefinition; bounds?: Partial<FoldBounds> } = {},
  ): Promise<any> => {
    const freshness = new Progress({ pool: live.pool, store });
    const folded = new FoldedReads({ read: live.read, store, decoded: new DecodedEvents(codec), freshness, bounds });
    const parameters = { id };
    const work = (read: ReadModels) => of.run(parameters, { read, now, isHeavy: false });
    return folded.asOf({ query: of, parameters, point, waitMs: 0 }, work);
  };
  const park = (projection: string, subject: string, position: bigint) =>
    live.pool.query(
      `insert into projections.dead_letters (projection, generation, position, subject, event_id, event_type, error, cause)
       values ($1, 1, $2, $3, 'any', 'any', 'any', true)`,
      [projection, String(position), subject],
    );

  it.each(['orders', 'aliases'])('is none where %s has set aside an event that counts for it', async (projection) => {
    const sold = positionOf(idOf('ben'), 'order.placed');
    await park(projection, idOf('ben'), sold);
    await expect(askOf(idOf('ann'))).rejects.toThrow(PointIncomplete);
    // For others only where it may tell that it belongs to them; never for what was known before.
    const ofOther = expect(askOf(idOf('cem')));
    if (projection === 'aliases') await ofOther.rejects.toThrow(PointIncomplete);
    else await ofOther.resolves.toMatchObject({ id: idOf('cem') });
    await expect(askOf(idOf('ann'), pointAt(store, sold - 1n))).resolves.toMatchObject({ id: idOf('ann') });
  });

  it('leaves out what a person left out, as every build of the version does', async () => {
    const left = { projection: 'orders', subject: idOf('ben'), position: positionOf(idOf('ben'), 'order.completed') };
    await live.fill(store, pointAt(store, head), [left]);
    await fresh.fill(store, pointAt(store, head), [left]);
    const work = (read: ReadModels) => view.run({ id: idOf('ann') }, { read, now, isHeavy: false });
    const { answer } = await fresh.read.inSnapshot(view.projections, false, work);
    const found = await askOf(idOf('ann'));
    expect(found).toEqual(answer);
    expect(found.sales).toMatchObject([{ orders: 1, value: '10' }]);
  });

  it.each([
    ['cannot be folded', contactTagged.version, 'no JSON'],
    ['is of a version that this code does not know', contactTagged.version + 1, '{"added":["a"],"tags":["a"]}'],
  ])('is none where an event %s', async (_what, schemaVersion, data) => {
    const ofCem = history.events.filter(({ aggregateId }) => aggregateId === idOf('cem'));
    const { aggregate, aggregateId, subject, occurredAt, meta } = ofCem[0]!;
    const at = { aggregate, aggregateId, subject, occurredAt, meta, id: newId(), revision: ofCem.length };
    const event = { ...at, type: contactTagged.type, schemaVersion, data, personalData: null };
    const [outcome] = await store.append([{ commandId: newId(), fingerprint: null, events: [event] }]);
    expect(outcome).toMatchObject({ kind: 'stored' });
    const through = (await store.head()).position;
    // As if nothing had happened to aliases since, which is so.
    await live.pool.query(`update projections.checkpoints set position = $1`, [String(through)]);
    await expect(askOf(idOf('cem'), pointAt(store, through))).rejects.toThrow(PointIncomplete);
    await expect(askOf(idOf('cem'), pointAt(store, through - 1n))).resolves.toMatchObject({ id: idOf('cem') });
    await expect(askOf(idOf('ann'), pointAt(store, through))).resolves.toMatchObject({ id: idOf('ann') });
  });

  it.each<[keyof FoldBounds, number]>([
    ['subjects', 1],
    ['events', 5],
    ['characters', 100],
    ['doubts', 0],
  ])('is for a snapshot to give where there is more of %s than is folded', async (what, most) => {
    // Partitions apart, with the merge between them.
    const vector = Array.from({ length: PARTITIONS }, (_, at) => (at === 0 ? 0n : head));
    const point = pointAt(store, head, new Map([['aliases', vector]]));
    await expect(askOf(idOf('ann'), point)).resolves.toBeDefined();
    const asked = what === 'subjects' ? pointAt(store, head) : point;
    await expect(askOf(idOf('ann'), asked, { bounds: { [what]: most } })).rejects.toThrow(TooMuchToFold);
  });

  it('never comes from a table of now: one that the query does not declare is not there, nor is a history', async () => {
    const ask = (sql: string) => askOf(idOf('ann'), pointAt(store, head), { of: reading(sql) });
    await expect(ask('select subject from customers order by name')).resolves.toHaveLength(2);
    await expect(ask('select subject from orders')).rejects.toThrow('relation "orders" does not exist');
    await expect(ask('select subject from alias_history')).rejects.toThrow('relation "alias_history" does not exist');
    await expect(ask('with alias as (select 1) select * from alias')).rejects.toThrow("'alias' is the name of a table");
    // The next who asks on these connections finds all of them.
    await expect(live.read.rows('select subject from orders')).resolves.toHaveLength(3);
  });

  it('waits for the histories, some moments, and says that they have not come so far', async () => {
    await live.fill(store, pointAt(store, head - 1n));
    const began = performance.now();
    await expect(askOf(idOf('ann'))).rejects.toThrow(NotYetThere);
    expect(performance.now() - began).toBeLessThan(10_000);
    const asked = askOf(idOf('ann'));
    await sleep(200);
    await live.fill(store, pointAt(store, head));
    await expect(asked).resolves.toMatchObject({ id: idOf('ann'), mergedFrom: [{ id: idOf('ben') }] });
  });

  it('is not given by another definition than the one that gave it first', async () => {
    const everywhere = new Map(Array.from({ length: PARTITIONS }, (_, at) => [at, head]));
    const checkpoints = new Map(view.reads.map((name) => [name, everywhere]));
    const point = pointOfAnswer(pointAt(store, head), view, { checkpoints, versions: new Map() });
    await expect(askOf(idOf('ann'), point)).resolves.toMatchObject({ id: idOf('ann') });
    const versions = point.versions!;
    const older = { ...versions.query!, version: 0 };
    const ask = (changed: Point['versions']) => askOf(idOf('ann'), { ...point, versions: changed });
    await expect(ask({ ...versions, query: older })).rejects.toThrow(DefinitionChanged);
    const orders = projections.find(({ name }) => name === 'orders')!.version;
    const before = new Map([...versions.projections, ['orders', orders - 1]]);
    await expect(ask({ ...versions, projections: before })).rejects.toThrow(DefinitionChanged);
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '#platform/kernel/ids.js';
import { conformingClient } from '#test/support/conforming-client.js';
import { startParcels } from '#test/fixtures/parcels.fixture.js';
import { as } from '#test/support/trusting-authenticator.js';

describe('POST /v1/commands:batch', () => {
  let app: Awaited<ReturnType<typeof startParcels>>['app'];
  let store: Awaited<ReturnType<typeof startParcels>>['store'];
  let client: Awaited<ReturnType<typeof conformingClient>>;
  beforeAll(async () => {
    ({ app, store } = await startParcels({ logger: false }));
    client = await conformingClient(app);
  });
  afterAll(() => app.close());

  const batch = async (items: unknown, headers = {}) => {
    const { status, body } = await client.post('/v1/commands:batch', { items }, headers);
    return { status, body, outcomes: body.outcomes as any[] };
  };

  it('gives one outcome each, in order; one that fails hinders no other', async () => {
    const [id, there] = [newId(), newId()];
    await batch([
      { command: 'SendParcel', input: { id: there, label: 'x' } },
      { command: 'MoveParcel', id: there, input: { to: 'Ulm' } },
    ]);
    const { outcomes } = await batch([
      { command: 'SendParcel', input: { id, label: 'x' } },
      { command: 'MoveParcel', id, input: { to: 'Ulm' } },
      { command: 'MoveParcel', id: there, input: { to: 'Ulm' } },
      { command: 'MoveParcel', id, input: { to: 7 } },
      { command: 'MoveParcel', input: { to: 'Ulm' } },
      { command: 'MoveParcel', id: newId(), input: { to: 'Ulm' } },
      { command: 'StealParcel', id, input: {} },
      { command: 'MoveParcel', id, ifMatch: 0, input: { to: 'Bonn' } },
      { command: 'MoveParcel', id, ifMatch: 1, input: { to: 'Bonn' } },
      { command: 'LoseParcel', id },
      'MoveParcel',
      { command: 'MoveParcel', id, input: { to: 'nowhere' } },
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([201, 200, 409, 400, 400, 404, 400, 412, 200, 200, 400, 500]);
    expect(outcomes[2].rule).toBe('parcel-moves');
    expect(pointers(outcomes[3])).toEqual(['/input/to']);
    expect(pointers(outcomes[4])).toEqual(['/id']);
    expect(pointers(outcomes[6])).toEqual(['/command']);
    expect(pointers(outcomes[10])).toEqual(['']);
    expect(outcomes[9]).toMatchObject({ id, revision: 3 });
    expect((await store.readStream({ aggregate: 'parcel', aggregateId: id })).map(({ revision }) => revision)).toEqual([
      0, 1, 2, 3,
    ]);
  });

  it('fails no other item for a hostile one', async () => {
    const { body } = await client.post(
      '/v1/commands:batch',
      `{"items":[{"command":"SendParcel","input":{"label":"x","__proto__":{}}},
        {"command":"SendParcel","__proto__":{},"input":{"label":"x"}},
        {"command":"SendParcel","reason":"\\u0000","input":{"label":"x"}},
        {"command":"SendParcel","reason":"\\u200f","input":{"label":"x"}},
        {"command":"SendParcel","input":{"label":"x"}}]}`,
    );
    expect(body.outcomes.map((outcome: any) => outcome.status)).toEqual([400, 400, 400, 400, 201]);
    const places = [['/input/__proto__'], ['/__proto__'], ['/reason'], ['/reason']];
    expect(body.outcomes.slice(0, 4).map(pointers)).toEqual(places);
  });

  it('keeps the order of one stream', async () => {
    const id = newId();
    const moves = Array.from({ length: 500 }, (_, i) => ({ command: 'MoveParcel', id, input: { to: `stop ${i}` } }));
    const { outcomes } = await batch([{ command: 'SendParcel', input: { id, label: 'x' } }, ...moves]);
    expect(outcomes.map(({ revision }) => revision)).toEqual(Array.from({ length: 501 }, (_, i) => i));
    const events = await store.readStream({ aggregate: 'parcel', aggregateId: id });
    expect(JSON.parse(events.at(-1)!.data)).toEqual({ to: 'stop 499' });
  });

  it('takes 10,000 items and not one more; the same keys again store nothing', async () => {
    const items = Array.from({ length: 10_000 }, (_, i) => keyed(i));
    // Not held against the document, which takes longer than all else here.
    const send = async () =>
      (await app.inject({ method: 'POST', url: '/v1/commands:batch', payload: { items } })).json().outcomes as any[];
    const first = await send();
    expect(first.every(({ status, repeated }) => status === 201 && !repeated)).toBe(true);
    const before = (await store.head()).position;
    const again = await send();
    expect(again).toEqual(first.map((outcome) => ({ ...outcome, repeated: true })));
    expect((await store.head()).position).toBe(before);
    const { status, body } = await batch([...items, keyed(0)]);
    expect({ status, pointers: pointers(body) }).toEqual({ status: 400, pointers: ['/items'] });
  });

  it('a key of the whole makes one for each item', async () => {
    const items = [1, 2].map(() => ({ command: 'SendParcel', input: { label: 'x' } }));
    const key = { 'idempotency-key': newId() };
    const first = await batch(items, key);
    expect(first.outcomes[0].id).not.toBe(first.outcomes[1].id);
    const again = await batch(items, key);
    expect(again.outcomes).toEqual(first.outcomes.map((outcome) => ({ ...outcome, repeated: true })));
  });

  it('a key of the whole and a place are not the key that spells them', async () => {
    const input = { label: 'x' };
    const items = [
      { command: 'SendParcel', input },
      { command: 'SendParcel', key: 'whole#0', input },
    ];
    const { outcomes } = await batch(items, { 'idempotency-key': 'whole' });
    expect(outcomes.map(({ repeated }) => repeated)).toEqual([false, false]);
  });

  it('one key in all items, and in batches sent at once, is one event and one first answer', async () => {
    const before = (await store.head()).position;
    const items = Array.from({ length: 20 }, () => ({ command: 'SendParcel', key: 'same', input: { label: 'x' } }));
    const answers = await Promise.all([1, 2, 3].map(() => batch(items)));
    const outcomes = answers.flatMap((answer) => answer.outcomes);
    expect(outcomes.filter(({ repeated }) => repeated === false)).toHaveLength(1);
    expect(outcomes.filter(({ repeated }) => repeated === true)).toHaveLength(59);
    expect((await store.head()).position).toBe(before + 1n);
  });

  it('holds each item to its roles', async () => {
    const items = [
      { command: 'SendParcel', input: { label: 'x' } },
      { command: 'MoveParcel', id: newId(), input: { to: 'x' } },
    ];
    expect((await batch(items, as({ roles: ['admin'] }))).outcomes.map(({ status }) => status)).toEqual([201, 403]);
  });

  it.each([
    ['no object', [], ''],
    ['no list', { items: {} }, '/items'],
    ['an unknown field', { items: [], more: 1 }, '/more'],
  ])('refuses %s', async (_what, payload, pointer) => {
    const { status, body } = await client.post('/v1/commands:batch', payload);
    expect({ status, pointers: pointers(body) }).toEqual({ status: 400, pointers: [pointer] });
  });

  it('refuses headers that belong into items', async () => {
    const { status, body } = await client.post('/v1/commands:batch', { items: [] }, { 'if-match': '"1"' });
    expect({ status, pointers: pointers(body) }).toEqual({ status: 400, pointers: ['/If-Match'] });
  });

  it('bounds the body', async () => {
    const small = await startParcels({ batchBodyLimit: 100_000, logger: false });
    const items = [{ command: 'SendParcel', input: { label: 'x', notes: { a: 'x'.repeat(100_000) } } }];
    const { status, body } = await (await conformingClient(small.app)).post('/v1/commands:batch', { items });
    expect({ status, type: body.type }).toEqual({ status: 413, type: 'urn:yad:problem:body-too-large' });
    await small.app.close();
    // A batch may be larger than a single body.
    const notes = { a: 'x'.repeat(600_000) };
    const large = await batch([1, 2, 3].map(() => ({ command: 'SendParcel', input: { label: 'x', notes } })));
    expect(large.outcomes.map(({ status }) => status)).toEqual([201, 201, 201]);
  });
});

const pointers = (outcome: any) => outcome.errors.map(({ pointer }: { pointer: string }) => pointer);

const keyed = (i: number) => ({ command: 'SendParcel', key: `k${i}`, input: { label: `${i}` } });

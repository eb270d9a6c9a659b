import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { canonicalJson } from '#platform/kernel/canonical-json.js';
import { newId } from '#platform/kernel/ids.js';
import { conformingClient, type Answer } from '#test/support/conforming-client.js';
import { inMemoryOperations } from '#test/support/in-memory-app.js';
import { as } from '#test/support/trusting-authenticator.js';

describe('what changed between two points', () => {
  let app: NestFastifyApplication;
  let client: Awaited<ReturnType<typeof conformingClient>>;
  beforeAll(async () => {
    app = await inMemoryOperations();
    client = await conformingClient(app);
  });
  afterAll(() => app.close());

  const sent = async (path: string, body: object, headers: Record<string, string> = {}): Promise<Answer> => {
    const answer = await client.post(path, body, headers);
    if (answer.status > 201) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
    return answer;
  };
  const made = async (path: string, body: object): Promise<{ at: string; id: string; position: string }> => {
    const { headers, body: of } = await sent(path, body);
    return { at: headers['location'] as string, id: of.id, position: of.position };
  };
  const done = async (path: string, body: object, headers?: Record<string, string>): Promise<string> =>
    (await sent(path, body, headers)).body.position;
  const diff = async (at: string, from: string, to?: string): Promise<any> => {
    const { status, body } = await client.get(`${at}/diff?from=${from}${to === undefined ? '' : `&to=${to}`}`);
    if (status !== 200) throw new Error(JSON.stringify(body));
    return body.data;
  };
  const order = {
    currency: 'GBP',
    zone: 'Europe/London',
    lines: [
      { sku: 'CUP', quantity: '6', unitPrice: '0.85' },
      { sku: 'POT', quantity: '1', unitPrice: '12' },
    ],
  };

  it('is told of an order field by field, each with the events that did it and who sent them', async () => {
    const { at, position: placed } = await made('/v1/orders', order);
    const confirmed = await done(`${at}/confirm`, {}, as({ actor: 'grace' }));
    const first = await done(`${at}/payments`, { amount: '5', currency: 'GBP', method: 'card' }, as({ actor: 'ada' }));
    const delivered = await done(`${at}/fulfilments`, { lines: [{ line: 1, quantity: '6' }] });
    const second = await done(
      `${at}/payments`,
      { amount: '12.10', currency: 'GBP', method: 'cash' },
      { 'yad-reason': 'paid at the door' },
    );
    const found = await diff(at, placed);
    const changes = Object.fromEntries(found.changes.map(({ pointer, ...change }: any) => [pointer, change]));
    expect(changes['/paid']).toEqual({ before: '0', after: '17.1', events: [first, second] });
    expect(changes['/outstanding']).toEqual({ before: '17.1', after: '0', events: [first, second] });
    expect(changes['/lines/line=1/delivered']).toEqual({ before: '0', after: '6', events: [delivered] });
    expect(changes['/payments/0']).toEqual({
      after: expect.objectContaining({ amount: '5', by: 'ada', method: 'card' }),
      events: [first],
    });
    expect(changes['/status'].events[0]).toBe(confirmed);
    expect(Object.keys(changes)).not.toContain('/lines/line=2/delivered');
    expect(Object.keys(changes)).not.toContain('/revision');
    expect(found.events.map(({ position, actor }: any) => [position, actor])).toEqual([
      [confirmed, 'grace'],
      [first, 'ada'],
      [delivered, expect.any(String)],
      [second, expect.any(String)],
    ]);
    expect(found.events.at(-1)).toMatchObject({
      type: 'crm.sales.order.payment-recorded',
      aggregate: 'order',
      revision: 4,
    });
    expect([found.from.revision, found.to.revision, found.otherEvents]).toEqual([0, 4, 0]);
    // Up to a point in between, only what had happened by then.
    const part = await diff(at, placed, first);
    expect(part.changes.find(({ pointer }: any) => pointer === '/paid').events).toEqual([first]);
    expect(part.to).toMatchObject({ position: first, revision: 2 });
  });

  it('is nothing where it was changed back, and by all who touched it where it was not', async () => {
    const { at, position } = await made('/v1/contacts', { name: { full: 'Ada Lovelace' } });
    const tagged = await done(`${at}/tags`, { tags: ['vip'] });
    const untagged = await done(`${at}/untag`, { tags: ['vip'] });
    const back = await diff(at, position);
    expect([back.changes, back.events, back.otherEvents]).toEqual([[], [], 2]);
    const again = await done(`${at}/tags`, { tags: ['vip'] });
    const { changes, otherEvents } = await diff(at, position);
    expect(changes).toEqual([{ pointer: '/tags/=vip', after: 'vip', events: [tagged, untagged, again] }]);
    expect(otherEvents).toBe(0);
  });

  it('begins with nothing where there was nothing yet, and is empty between a point and itself', async () => {
    const { at, id, position } = await made('/v1/orders', order);
    const { from, changes } = await diff(at, '0');
    expect(from).toEqual({ position: '0', recordedAt: null, revision: null });
    const whole = (await client.get(at)).body.data;
    const { revision: _revision, ...fields } = whole;
    expect(Object.fromEntries(changes.map(({ pointer, after }: any) => [pointer.slice(1), after]))).toEqual(fields);
    for (const change of changes) expect(change).toMatchObject({ events: [position] });
    expect((await diff(at, position, position)).changes).toEqual([]);
    const state = await diff(`/v1/audit/streams/order/${id}`, '0');
    expect(state.changes.map(({ pointer }: any) => pointer)).toEqual(
      expect.arrayContaining(['/status', '/terms', '/account']),
    );
  });

  it('is between instants what was recorded by then', async () => {
    const { at } = await made('/v1/orders', order);
    const recordedAt = (await client.get(at)).body.freshness.recordedAt as string;
    await new Promise((resolve) => setTimeout(resolve, 5));
    const confirmed = await done(`${at}/confirm`, {});
    const { changes, events } = await diff(at, recordedAt);
    expect(changes.map(({ pointer }: any) => pointer)).toContain('/status');
    expect(events.map(({ position }: any) => position)).toEqual([confirmed]);
  });

  it('is between answers by the tokens that they had, also those of other questions, and is told again by its own', async () => {
    const { at, id } = await made('/v1/orders', order);
    const tokenOf = async (path: string): Promise<string> => (await client.get(path)).body.freshness.asOf;
    const state = `/v1/audit/streams/order/${id}`;
    const placed = await tokenOf(`${state}/state`);
    const confirmed = await done(`${at}/confirm`, {});
    const then = await tokenOf(`${state}/events`);
    const { body: asked } = await client.get(`${at}/diff?from=${placed}`);
    await done(`${at}/fulfilments`, { lines: [{ line: 1, quantity: '6' }] });
    for (const path of [at, state]) {
      const found = await diff(path, placed, then);
      expect(found.events.map(({ position }: any) => position)).toEqual([confirmed]);
      expect([found.from.revision, found.to.revision]).toEqual([0, 1]);
      expect(await diff(path, placed)).not.toEqual(found);
      expect((await client.get(`${path}/diff?from=${placed}&asOf=${then}`)).body.data).toEqual(found);
    }
    const { body: again } = await client.get(`${at}/diff?from=${placed}&asOf=${asked.freshness.asOf}`);
    expect(again).toEqual(asked);
  });

  it('agrees with the states at each position between, for every pair of points', async () => {
    const { at, id, position: first } = await made('/v1/contacts', { name: { full: 'Ada' }, tags: ['new'] });
    const other = await made('/v1/contacts', { name: { full: 'Eve' } });
    const steps: ['POST' | 'PUT' | 'PATCH', string, object][] = [
      ['POST', '/tags', { tags: ['vip', 'late'] }],
      ['PUT', '/owner', { owner: 'grace' }],
      ['POST', '/untag', { tags: ['vip'] }],
      ['POST', '/points', { reach: { kind: 'email', address: 'ada@example.org' } }],
      ['PUT', '/owner', { owner: 'ada' }],
      ['POST', '/tags', { tags: ['vip'] }],
      ['PATCH', '', { name: { full: 'Ada King' }, language: 'en' }],
      ['PUT', '/owner', { owner: 'grace' }],
      ['POST', '/relations', { kind: 'household', to: other.id }],
      ['POST', '/archive', { reason: 'inactive' }],
    ];
    for (const [method, step, body] of steps) {
      const { status, body: answer } = await client.send(method, `${at}${step}`, body);
      expect([step, status, answer.errors]).toEqual([step, 200, undefined]);
    }
    const last = BigInt((await client.get(at)).body.freshness.position);
    const stream = `/v1/audit/streams/contact/${id}`;
    const states = new Map<string, any>();
    for (let position = BigInt(first); position <= last; position++) {
      states.set(String(position), (await client.get(`${stream}/state?position=${position}`)).body.data.state);
    }
    const positions = [...states.keys()];
    for (const [i, from] of positions.entries()) {
      for (const to of positions.slice(i)) {
        const { changes } = await diff(stream, from, to);
        const isEqual = canonicalJson(states.get(from)) === canonicalJson(states.get(to));
        expect([from, to, changes.length === 0]).toEqual([from, to, isEqual]);
        for (const { pointer, before, after, events } of changes) {
          expect([valueAt(states.get(from), pointer), valueAt(states.get(to), pointer)]).toEqual([before, after]);
          const touching = positions.filter(
            (position, place) =>
              BigInt(position) > BigInt(from) &&
              BigInt(position) <= BigInt(to) &&
              canonicalJson([valueAt(states.get(position), pointer)]) !==
                canonicalJson([valueAt(states.get(positions[place - 1]!), pointer)]),
          );
          expect([pointer, events]).toEqual([pointer, touching]);
        }
      }
    }
  });

  it('tells those who may not see of personal values nothing, not even that they changed', async () => {
    const { at, position } = await made('/v1/contacts', { name: { full: 'Ada Lovelace' } });
    await client.send('PATCH', at, { name: { full: 'Ada King' } });
    await client.send('PUT', `${at}/owner`, { owner: 'grace' });
    const clear = await diff(at, position);
    expect(JSON.stringify(clear.changes)).toContain('Ada King');
    const analyst = as({ roles: ['analyst'] });
    for (const from of ['0', position]) {
      const { status, body } = await client.get(`${at}/diff?from=${from}`, analyst);
      expect([status, JSON.stringify(body).includes('Ada')]).toEqual([200, false]);
    }
    const shown = (await client.get(`${at}/diff?from=${position}`, analyst)).body.data;
    expect(shown.changes.map(({ pointer }: any) => pointer)).toEqual(['/owner']);
    expect(shown.otherEvents).toBe(1);
    const begun = (await client.get(`${at}/diff?from=0`, analyst)).body.data;
    expect(begun.changes.find(({ pointer }: any) => pointer === '/name').after).toEqual({ masked: true });
  });

  it('says what is wrong with the points, and with whom they are asked of', async () => {
    const { at, id, position } = await made('/v1/orders', order);
    await done(`${at}/confirm`, {});
    const refused = async (path: string, query: string) => {
      const { status, body } = await client.get(`${path}/diff?${query}`);
      return [status, body.errors?.[0]?.pointer ?? body.type];
    };
    const stream = `/v1/audit/streams/order/${id}`;
    for (const path of [at, stream]) {
      expect(await refused(path, '')).toEqual([400, '/from']);
      expect(await refused(path, 'from=yesterday')).toEqual([400, '/from']);
      expect(await refused(path, `from=${position}&to=2999-01-01T00:00:00Z`)).toEqual([400, '/to']);
      expect(await refused(path, `from=${BigInt(position) + 1n}&to=${position}`)).toEqual([400, '/to']);
      expect(await refused(path, 'from=999999999')).toEqual([400, '/from']);
      expect(await refused(path, 'from=at_AAAA')).toEqual([400, '/from']);
      expect(await refused(path, 'from=0&to=closing-2026-10')).toEqual([400, '/to']);
      // Asked as of a point, nothing is known of later ones.
      expect(await refused(path, `from=${BigInt(position) + 1n}&asOf=${position}`)).toEqual([400, '/from']);
      expect(await refused(path, `from=0&to=${BigInt(position) + 1n}&asOf=${position}`)).toEqual([400, '/to']);
      expect(await refused(path, `from=0&to=${BigInt(position) - 1n}`)).toEqual([404, 'urn:yad:problem:not-found']);
    }
    expect((await refused(`/v1/orders/${newId()}`, 'from=0'))[0]).toBe(404);
    expect((await refused(`/v1/audit/streams/planet/${id}`, 'from=0'))[0]).toBe(404);
    expect((await client.get(`${stream}/diff?from=0`, as({ roles: ['analyst'] }))).status).toBe(403);
  });
});

/** The value at a pointer as answers write it: an item of a list is named as `field=value`. */
function valueAt(given: any, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((value, step) => {
      if (!Array.isArray(value)) return Object.hasOwn(value ?? {}, step) ? value[step] : undefined;
      const [by, is] = step.split('=');
      if (is === undefined) return value[Number(step)];
      return value.find((item) => String(by === '' ? item : item[by!]) === is);
    }, given);
}

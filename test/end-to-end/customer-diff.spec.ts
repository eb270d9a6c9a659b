import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definitions } from '#apps/definitions.js';
import { startSystem, type Client, type System } from '../support/system.js';
import { as, TrustingAuthenticator } from '#test/support/trusting-authenticator.js';

describe('what changed in all that is known of a customer', () => {
  let system: System;
  let client: Client;
  beforeAll(async () => {
    system = await startSystem(definitions, { authenticator: new TrustingAuthenticator() });
    ({ client } = system);
  }, 60_000);
  afterAll(() => system?.stop());

  const sent = async (path: string, body: object): Promise<{ id: string; position: string }> => {
    const { status, body: answer } = await client.post(path, body, as({ actor: 'ada', personalDataFor: 'this spec' }));
    if (status > 201) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const contact = (full: string) => sent('/v1/contacts', { name: { full } });
  const bought = async (of: string, unitPrice: string): Promise<{ placed: string; completed: string }> => {
    const lines = [{ sku: 'CUP', quantity: '1', unitPrice }];
    const order = await sent('/v1/orders', { contact: of, currency: 'GBP', zone: 'Europe/London', lines });
    await sent(`/v1/orders/${order.id}/confirm`, {});
    const { position } = await sent(`/v1/orders/${order.id}/fulfilments`, { lines: [{ line: 1, quantity: '1' }] });
    await sent(`/v1/orders/${order.id}/complete`, {}).catch(() => {});
    return { placed: order.position, completed: position };
  };
  const diff = async (id: string, from: string, to?: string): Promise<any> => {
    const { status, body } = await client.get(`/v1/customers/${id}/diff?from=${from}${to ? `&to=${to}` : ''}`);
    if (status !== 200) throw new Error(JSON.stringify(body));
    return body.data;
  };
  const change = (found: any, pointer: string): any => {
    const known = found.changes.find((each: any) => each.pointer === pointer);
    if (!known) throw new Error(`no ${pointer} in ${JSON.stringify(found.changes.map((each: any) => each.pointer))}`);
    return known;
  };

  it('is told with the events that did it, also those of who was merged into it meanwhile', async () => {
    const ada = await contact('Ada Lovelace');
    const twin = await contact('A. Lovelace');
    await bought(ada.id, '10');
    const theirs = await bought(twin.id, '5');
    const before = String(await system.head());
    const merged = await sent(`/v1/contacts/${twin.id}/merge`, { into: ada.id });
    const found = await diff(ada.id, before);
    expect(change(found, '/mergedFrom/id=' + twin.id).after).toMatchObject({ id: twin.id });
    const value = found.changes.find(({ pointer }: any) =>
      /^\/sales\/currency=GBP\/(value|outstanding)$/.test(pointer),
    );
    expect([value.before.replace(/\.00?$/, ''), value.after.replace(/\.00?$/, '')]).toEqual(['10', '15']);
    // The merge did it: what was bought before stood in the other's answer until then.
    for (const { events } of found.changes) for (const at of events) expect(BigInt(at)).toBeGreaterThan(BigInt(before));
    expect(found.events.map(({ actor }: any) => actor)).toEqual(found.events.map(() => 'ada'));
    expect(BigInt(merged.position)).toBeGreaterThanOrEqual(BigInt(found.events.at(-1).position));
    expect(BigInt(theirs.placed)).toBeLessThan(BigInt(found.events[0].position));
  });

  it('tells of who belonged to it for a while what that changed there and back, and nothing of it in the end', async () => {
    const ada = await contact('Eve');
    const twin = await contact('Eva');
    await bought(twin.id, '7');
    const before = String(await system.head());
    const merged = await sent(`/v1/contacts/${twin.id}/merge`, { into: ada.id });
    const unmerged = await sent(`/v1/contacts/${twin.id}/unmerge`, { from: ada.id });
    const whole = await diff(ada.id, before);
    expect(
      whole.changes.map(({ pointer }: any) => pointer).filter((pointer: string) => pointer.startsWith('/sales')),
    ).toEqual([]);
    expect(whole.changes.some(({ pointer }: any) => pointer.startsWith('/mergedFrom'))).toBe(false);
    const half = await diff(ada.id, before, String(BigInt(unmerged.position) - 2n));
    expect(change(half, '/mergedFrom/id=' + twin.id).events.length).toBeGreaterThan(0);
    expect(BigInt(merged.position)).toBeLessThan(BigInt(unmerged.position));
  });

  it('agrees with what one event after the other changed', async () => {
    const ada = await contact('Ida');
    const twin = await contact('I. da');
    const first = BigInt(twin.position);
    await bought(twin.id, '3');
    await sent('/v1/cases', { contact: ada.id, kind: 'question', channel: 'email', title: 'Where is it?' });
    await sent(`/v1/contacts/${twin.id}/merge`, { into: ada.id });
    await sent(`/v1/contacts/${ada.id}/tags`, { tags: ['vip'] });
    await bought(ada.id, '4');
    const last = await system.head();
    const steps = new Map<string, string[]>();
    for (let position = first + 1n; position <= last; position++) {
      const { changes } = await diff(ada.id, String(position - 1n), String(position));
      steps.set(
        String(position),
        changes.map(({ pointer }: any) => pointer),
      );
    }
    const found = await diff(ada.id, String(first), String(last));
    expect(found.changes.length).toBeGreaterThan(5);
    const isRelated = (one: string, other: string) =>
      one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
    for (const { pointer, events } of found.changes) {
      const touching = [...steps].flatMap(([at, pointers]) =>
        pointers.some((each) => isRelated(each, pointer)) ? [at] : [],
      );
      expect([pointer, events]).toEqual([pointer, touching]);
    }
    const live = (await client.get(`/v1/customers/${ada.id}?minPosition=${last}`)).body.data;
    for (const { pointer, after } of found.changes.filter(({ pointer }: any) => pointer.split('/').length === 2)) {
      expect([pointer, after]).toEqual([pointer, live[pointer.slice(1)]]);
    }
  });

  it('begins with nothing where the customer was not yet there, and masks what is personal', async () => {
    const before = String(await system.head());
    const ada = await contact('Zoe Mask');
    const { from, changes } = await diff(ada.id, before);
    expect(from.position).toBe(before);
    expect(changes.every((each: any) => each.before === undefined)).toBe(true);
    expect(change({ changes }, '/name').after).toBe('Zoe Mask');
    const { status, body } = await client.get(
      `/v1/customers/${ada.id}/diff?from=${before}`,
      as({ roles: ['analyst'] }),
    );
    expect([status, JSON.stringify(body).includes('Zoe')]).toEqual([200, false]);
    expect(change(body.data, '/name').after).toEqual({ masked: true });
    expect((await client.get(`/v1/customers/${ada.id}/diff?from=${ada.position}&to=${before}`)).status).toBe(400);
    expect((await client.get(`/v1/customers/${ada.id}/diff?from=0&to=${before}`)).status).toBe(404);
  });

  it('is between the tokens that answers had, its own and those of other questions', async () => {
    const ada = await contact('Tove');
    const { completed } = await bought(ada.id, '10');
    const asOfOf = async (path: string): Promise<string> => {
      const { status, body } = await client.get(`${path}${path.includes('?') ? '&' : '?'}minPosition=${completed}`);
      expect(status).toBe(200);
      return body.freshness.asOf;
    };
    const view = (await client.get(`/v1/customers/${ada.id}?minPosition=${await system.head()}`)).body;
    const others = [
      await asOfOf(`/v1/customers/${ada.id}/orders`),
      await asOfOf(`/v1/audit/streams/contact/${ada.id}/state`),
    ];
    const tagged = await sent(`/v1/contacts/${ada.id}/tags`, { tags: ['vip'] });
    const later = (await client.get(`/v1/customers/${ada.id}?minPosition=${tagged.position}`)).body;
    for (const from of [view.freshness.asOf, ...others]) {
      const { changes, events } = await diff(ada.id, from, later.freshness.asOf);
      expect(events.map(({ position }: any) => position)).toEqual([tagged.position]);
      expect(change({ changes }, '/tags/=vip').after).toBe('vip');
    }
    expect((await diff(ada.id, later.freshness.asOf, later.freshness.asOf)).changes).toEqual([]);
    const ahead = `from=${view.freshness.asOf}&to=${later.freshness.asOf}&asOf=${view.freshness.position}`;
    const { status, body } = await client.get(`/v1/customers/${ada.id}/diff?${ahead}`);
    expect([status, body.errors.map(({ pointer }: any) => pointer)]).toEqual([400, ['/to']]);
  });

  it('tells those who may not see of personal values not even that they changed', async () => {
    const ada = await contact('Una Before');
    await bought(ada.id, '3');
    const before = String(await system.head());
    const { status } = await client.send('PATCH', `/v1/contacts/${ada.id}`, { name: { full: 'Una After' } });
    expect(status).toBe(200);
    await sent(`/v1/contacts/${ada.id}/tags`, { tags: ['vip'] });
    const clear = await diff(ada.id, before);
    expect(change(clear, '/name')).toMatchObject({ before: 'Una Before', after: 'Una After' });
    const analyst = as({ roles: ['analyst'] });
    const shown = await client.get(`/v1/customers/${ada.id}/diff?from=${before}`, analyst);
    expect([shown.status, /Una|Before|After/.test(JSON.stringify(shown.body))]).toEqual([200, false]);
    const pointers = (of: any): string[] => of.changes.map(({ pointer }: any) => pointer);
    expect(pointers(shown.body.data)).toEqual(pointers(clear).filter((pointer) => pointer !== '/name'));
    // What happened they see in the answer itself, without what it says.
    const live = (await client.get(`/v1/customers/${ada.id}?minPosition=${await system.head()}`, analyst)).body.data;
    const known = new Map(live.timeline.map((each: any) => [`/timeline/position=${each.position}`, each]));
    const told = shown.body.data.changes.filter(({ pointer }: any) => pointer.startsWith('/timeline/'));
    expect(told.length).toBeGreaterThan(1);
    for (const { pointer, after } of told) expect(after).toEqual(known.get(pointer));
  });
});

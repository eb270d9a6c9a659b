import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { speakTo } from '../support/speak.js';
import { startSystem, type Client, type System } from '../support/system.js';

// What users of other systems reported, sent as they would send it.
describe('contacts and cases, from outside', () => {
  let system: System;
  let client: Client;
  beforeAll(async () => {
    system = await startSystem();
    ({ client } = system);
  }, 60_000);
  afterAll(() => system?.stop());

  const { send, ask } = speakTo(() => system);
  const register = async (input: object): Promise<string> => (await send('/contacts', input)).id;

  it('takes a number and an address for what they are, whatever marks stand in them', async () => {
    const id = await register({ name: { given: '伟', family: '王' }, birthDate: '1604-03-21' });
    const point = (reach: object) => send(`/contacts/${id}/points`, { reach });
    await point({ kind: 'phone', number: '\u202a+442079460000\u202c' });
    await point({ kind: 'email', address: 'sara@example.com\u200f' });
    // The same points again are nothing new.
    expect((await point({ kind: 'phone', number: '0044 (0)20 7946 ۰۰۰۰' })).events).toBe(0);
    expect((await point({ kind: 'email', address: 'Sara@example.com' })).events).toBe(0);
    await point({ kind: 'phone', number: '020 7946 0000 ext 5', country: 'GB' });
    await point({ kind: 'phone', number: '118118', country: 'GB' });
    const { name, details, points } = await ask(`/customers/${id}`);
    expect([name, details.birthDate]).toEqual(['王伟', '--03-21']);
    expect(points.map(({ reach: { kind: _kind, ...reach } }: any) => reach)).toEqual([
      { number: '+442079460000' },
      { address: 'sara@example.com' },
      { number: '+442079460000', extension: '5' },
      { number: '118118', country: 'GB' },
    ]);
  });

  it.each(['\u200f', '\u200b\u200d', '\u2800'])('registers nobody by the name %j', async (full) => {
    const { status, body } = await client.post('/v1/contacts', { name: { full } });
    expect([status, body.errors[0].pointer]).toEqual([400, '/name/full']);
  });

  it('finds the survivor by what came with the merged contact, until the merge is undone', async () => {
    const y = await register({ name: { full: 'Y' } });
    const x = await register({ name: { full: 'X' }, tags: ['vip-9'], owner: 'lena-9' });
    const found = async () =>
      Promise.all(
        ['tag=vip-9', 'owner=lena-9'].map(async (by) => (await ask(`/customers?${by}`)).map((c: any) => c.id)),
      );
    expect(await found()).toEqual([[x], [x]]);
    await send(`/contacts/${x}/merge`, { into: y });
    expect(await found()).toEqual([[y], [y]]);
    await send(`/contacts/${x}/unmerge`, { from: y });
    expect(await found()).toEqual([[x], [x]]);
  });

  it('keeps what the customer answers to a merged case, and merges no case of another customer', async () => {
    const open = async (contact: string): Promise<string> =>
      (await send('/cases', { contact, kind: 'question', channel: 'web', title: 'How?' })).id;
    const [sara, omid] = [await register({ name: { full: 'Sara' } }), await register({ name: { full: 'Omid' } })];
    const [first, second, others] = [await open(sara), await open(sara), await open(omid)];
    const refused = await client.post(`/v1/cases/${first}/merge`, { into: others });
    expect([refused.status, refused.body.rule]).toEqual([409, 'same-customer']);
    await send(`/cases/${first}/merge`, { into: second });
    await send(`/cases/${first}/customer-replies`, { text: 'It still leaks' });
    expect(await ask(`/cases/${first}`)).toMatchObject({ status: 'duplicate', mergedInto: second });
    const listed = (await ask(`/cases?status=duplicate`)).find(({ id }: { id: string }) => id === first);
    expect(listed.original).toMatchObject({ id: second, status: 'new' });
    const events = await ask(`/audit/streams/case/${first}/events`);
    expect(events.at(-1).data.text).toBe('It still leaks');
    const circle = await client.post(`/v1/cases/${second}/merge`, { into: first });
    expect([circle.status, circle.body.rule]).toEqual([409, 'original-stands']);

    const state = (query: string) => client.get(`/v1/audit/streams/case/${first}/state?${query}`);
    expect((await state('revision=2')).status).toBe(200);
    expect((await state('revision=3')).status).toBe(404);
    expect((await state(`position=${(await system.head()) + 1n}`)).status).toBe(404);
    expect((await state('at=2999-01-01T00:00:00Z')).status).toBe(400);
  });
});

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Role } from '#platform/kernel/command.js';
import { Id } from '#platform/kernel/ids.js';
import { conformingClient } from '#test/support/conforming-client.js';
import { startParcels } from '#test/fixtures/parcels.fixture.js';
import { as } from '#test/support/trusting-authenticator.js';

describe('POST /v1/ids', () => {
  let parcels: Awaited<ReturnType<typeof startParcels>>;
  let client: Awaited<ReturnType<typeof conformingClient>>;
  beforeAll(async () => {
    parcels = await startParcels();
    client = await conformingClient(parcels.app);
  });
  afterAll(() => parcels.app.close());

  const idsOf = async (words: string[][], of = client): Promise<string[]> => {
    const { status, body } = await of.post('/v1/ids', { words });
    expect(status).toBe(200);
    return body.ids;
  };

  it('gives one id for each list of words, always the same, and another for any other words', async () => {
    const words = [
      ['shop', 'customer', '17850'],
      ['shop', 'customer', '1785', '0'],
      ['a'],
      ['shop', 'customer', '17850'],
    ];
    const ids = await idsOf(words);
    expect(ids.map((id) => Id.parse(id))).toHaveLength(4);
    expect(ids[3]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
    expect(await idsOf(words.toReversed())).toEqual(ids.toReversed());
    expect(await idsOf([])).toEqual([]);
  });

  it('gives the same in every process of the log, and others on another log', async () => {
    const words = [['shop', 'customer', '17850']];
    const again = await startParcels({ logger: false, secrets: parcels.store.identity });
    const other = await startParcels({ logger: false });
    try {
      expect(await idsOf(words, await conformingClient(again.app))).toEqual(await idsOf(words));
      expect(await idsOf(words, await conformingClient(other.app))).not.toEqual(await idsOf(words));
    } finally {
      await Promise.all([again.app.close(), other.app.close()]);
    }
  });

  it('does not serve to try out whose a command was', async () => {
    const headers = { 'idempotency-key': 'ada@example.com', ...as({ actor: 'shop' }) };
    const { body } = await client.post('/v1/parcels', { label: 'books' }, headers);
    const { commandId } = (await parcels.store.readStream({ aggregate: 'parcel', aggregateId: body.id }))[0]!;
    const tried = await idsOf([
      ['shop', 'ada@example.com'],
      ['parcel', commandId],
    ]);
    expect([commandId, body.id]).not.toContain(tried[0]);
    expect(tried[1]).not.toBe(body.id);
  });

  const many = (length: number): string[] => Array.from({ length }, () => 'x');
  it.each<[string, unknown, string]>([
    ['more than 1,000 lists', { words: Array.from({ length: 1001 }, () => ['x']) }, '/words'],
    ['a list of more than 16 words', { words: [['x'], many(17)] }, '/words/1'],
    ['a list without words', { words: [[]] }, '/words/0'],
    ['a word of more than 1,000 characters', { words: [['x', 'secret'.repeat(167)]] }, '/words/0/1'],
    ['a word that is no text', { words: [['x', 17850]] }, '/words/0/1'],
    ['a list that is none', { words: ['secret'] }, '/words/0'],
    ['another field', { words: [], secret: 1 }, '/secret'],
    ['a key that reaches for prototypes', '{"words":[],"__proto__":[]}', '/__proto__'],
    ['no words', {}, '/words'],
    ['no object', [], ''],
  ])('refuses %s, and names the place', async (_what, given, place) => {
    const { status, body } = await client.post('/v1/ids', given);
    expect([status, body.errors.map(({ pointer }: any) => pointer)]).toEqual([400, [place]]);
  });

  it('takes as much as it says', async () => {
    const ids = await idsOf(Array.from({ length: 1000 }, (_, i) => [...many(15), `${i}`]));
    expect(new Set(ids).size).toBe(1000);
    expect(await idsOf([['x'.repeat(1000), '\0', '\ud800']])).toHaveLength(1);
  });

  it('is for those who may register, not for those who read', async () => {
    const ask = (...roles: Role[]) => client.post('/v1/ids', { words: [['x']] }, as({ roles }));
    expect((await ask('analyst', 'auditor', 'privacy')).status).toBe(403);
    expect((await ask('service')).status).toBe(200);
  });

  it('keeps nothing of the words, logs nothing of them, and repeats nothing of them', async () => {
    const before = await parcels.store.head();
    const written: string[] = [];
    const spies = [process.stdout, process.stderr].map((stream) =>
      jest.spyOn(stream, 'write').mockImplementation((text) => written.push(String(text)) > 0),
    );
    const answers: unknown[] = [];
    try {
      const word = 'ada@example.com';
      for (const given of [{ words: [[word]] }, { words: [[word], 1] }, { words: [[word, 'x'.repeat(1001)]] }]) {
        answers.push((await client.post('/v1/ids', given)).body);
      }
      answers.push((await client.post('/v1/ids', { words: [[word]] }, as({ roles: ['analyst'] }))).body);
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    expect(JSON.stringify(answers)).not.toContain('ada');
    expect(written.join('')).not.toContain('ada');
    expect(await parcels.store.head()).toEqual(before);
  });
});

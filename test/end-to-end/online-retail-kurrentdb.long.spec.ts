import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { definitions } from '#apps/definitions.js';
import { KurrentEventStore } from '#platform/event-store/kurrentdb/kurrentdb-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { until } from '../faults/app.js';
import { startDoubleProcess, type DoubleProcess } from '../support/kurrentdb/double-process.js';
import { createTestDatabase } from '../support/postgres.js';
import { mergesThatRace } from './merge-race.js';
import { answersOf, ask, describeWithFile, expectPublished, headOf, openShop, type Shop } from './online-retail.js';
import { Program, yad } from './processes.js';

const { projections } = definitions;

describeWithFile('a year of a shop, on KurrentDB', () => {
  let double: DoubleProcess;
  let shop: Shop;
  let env: Record<string, string>;
  let position: string;
  let answers: any;
  let policies: Program | undefined;
  beforeAll(async () => {
    double = await startDoubleProcess();
    shop = await openShop({ EVENT_STORE: double.url });
    env = { DATABASE_URL: shop.databaseUrl, EVENT_STORE: double.url };
  }, 120_000);
  afterAll(async () => {
    await policies?.stop();
    await shop?.close();
    await double?.stop();
  });

  it('is imported, and the read models give the published figures', async () => {
    const imported = await shop.import();
    ({ position } = imported);
    const began = performance.now();
    answers = await answersOf(shop.url, position);
    const answered = imported.seconds + (performance.now() - began) / 1000;
    console.log(
      `Online Retail on KurrentDB: imported in ${imported.seconds.toFixed(1)} s, answered after ${answered.toFixed(1)} s`,
    );
    expectPublished(answers);
    expect(imported.output).toMatch(/^541909 lines, 25900 groups, .* 0 known before$/m);
    expect(await headOf(shop.url)).toBe(position);
  });

  it('changes nothing when it is imported again', async () => {
    const again = await shop.import();
    expect(again.output).toMatch(/^541909 lines, .*: 0 stored, \d+ known before$/m);
    expect(await headOf(shop.url)).toBe(position);
    expect(await answersOf(shop.url, position)).toEqual(answers);
  });

  it('gives the same answers after a rebuild of the read models and of the index, and a replay equals the live rows', async () => {
    const rebuilt = await yad(['rebuild'], env);
    expect(rebuilt.output.match(/: generation 2, equal to the live one, swapped in/g)).toHaveLength(projections.length);
    expect(await answersOf(shop.url, position)).toEqual(answers);
    await yad(['index', 'rebuild'], env);
    const verified = await yad(['replay', '--verify'], env);
    expect(verified.output.match(/^[a-z0-9-]+: equal$/gm)).toHaveLength(projections.length);
    expect(await answersOf(shop.url, position)).toEqual(answers);
  });

  it('has policies that act: a snoozed case wakes, and a reply goes to the case that it was merged into', async () => {
    // Beside the shop, which runs none: what is counted above is what the import stored.
    const program = new Program('operations/main.js', {
      env: { ...env, PORT: '0', YAD_POLICIES: 'on' },
      cwd: shop.folder,
    });
    policies = program;
    await program.said(/operations answers on (http:\S+),/);
    const send = async (path: string, body: object): Promise<any> => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${shop.url}/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
      return answer.json();
    };
    const contact = (await send('/contacts', { kind: 'person', name: { full: 'Ada' } })).id;
    const open = async (): Promise<string> => {
      const id = newId();
      await send('/cases', { id, contact, kind: 'question', channel: 'web', title: 'How?' });
      await send(`/cases/${id}/assign`, { assignee: 'lena' });
      return id;
    };
    const [snoozed, original, duplicate] = [await open(), await open(), await open()];
    await send(`/cases/${snoozed}/snooze`, { until: new Date(Date.now() + 1_000).toISOString(), zone: 'UTC' });
    await send(`/cases/${duplicate}/merge`, { into: original });
    await send(`/cases/${original}/await-customer`, {});
    await send(`/cases/${duplicate}/customer-replies`, { text: 'It still leaks', via: 'chat' });
    const statusOf = async (id: string): Promise<string> => (await ask(shop.url, `/cases/${id}`)).status;
    await until('the case wakes', 60_000, async () => (await statusOf(snoozed)) === 'in-progress');
    await until('the reply has come over', 60_000, async () => (await statusOf(original)) === 'in-progress');
    const events = await ask(shop.url, `/audit/streams/case/${original}/events`);
    expect(events.at(-1)).toMatchObject({ actor: 'policy:move-reply-to-original' });
  });
});

mergesThatRace(
  'KurrentDB',
  async () => {
    const double = await startDoubleProcess();
    const database = await createTestDatabase();
    const connect = () => KurrentEventStore.connect({ url: double.url, indexUrl: database.url });
    const stores = [await connect(), await connect()] as const;
    return {
      stores,
      stop: async () => {
        await Promise.all(stores.map((store) => store.close()));
        await database.drop();
        await double.stop();
      },
    };
  },
  12,
);

import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { KurrentEventStore } from '#platform/event-store/kurrentdb/kurrentdb-event-store.adapter.js';
import { startDoubleProcess, type DoubleProcess } from '../support/kurrentdb/double-process.js';
import { createTestDatabase } from '../support/postgres.js';
import { mergesThatRace } from './merge-race.js';
import { answersOf, describeWithFile, expectPublished, headOf, openShop, type Shop } from './online-retail.js';

describeWithFile('a year of a shop, on KurrentDB', () => {
  let double: DoubleProcess;
  let shop: Shop;
  beforeAll(async () => {
    double = await startDoubleProcess();
    shop = await openShop({ EVENT_STORE: double.url });
  }, 120_000);
  afterAll(async () => {
    await shop?.close();
    await double?.stop();
  });

  it('is imported, and the read models give the published figures', async () => {
    const imported = await shop.import();
    const { position } = imported;
    const began = performance.now();
    const answers = await answersOf(shop.url, position);
    const answered = imported.seconds + (performance.now() - began) / 1000;
    console.log(
      `Online Retail on KurrentDB: imported in ${imported.seconds.toFixed(1)} s, answered after ${answered.toFixed(1)} s`,
    );
    expectPublished(answers);
    expect(imported.output).toMatch(/^541909 lines, 25900 groups, .* 0 known before$/m);
    expect(await headOf(shop.url)).toBe(position);
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

import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { createTestDatabase } from '../support/postgres.js';
import { mergesThatRace } from './merge-race.js';

mergesThatRace('PostgreSQL', async () => {
  const database = await createTestDatabase();
  const connect = () => PostgresEventStore.connect({ url: database.url });
  const stores = [await connect(), await connect()] as const;
  return {
    stores,
    stop: async () => {
      await Promise.all(stores.map((store) => store.close()));
      await database.drop();
    },
  };
});

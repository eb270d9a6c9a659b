import { afterAll } from '@jest/globals';
import { KurrentEventStore } from '#platform/event-store/kurrentdb/kurrentdb-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { KurrentDbDouble } from '../../support/kurrentdb/kurrentdb-double.js';
import { createTestDatabase } from '../../support/postgres.js';
import { eventStoreConformance, type Capabilities } from './event-store.conformance.js';

const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

/** What KurrentDB promises otherwise than PostgreSQL, on a server of one's own or on the double. */
const ofKurrent = (times: Capabilities['times']): Capabilities => ({
  positions: 'sparse',
  times,
  eventTypes: /^[\p{L}\p{N}_.$:-]+$/u,
});

async function openStore(url: string): Promise<KurrentEventStore> {
  const database = await createTestDatabase();
  ends.push(() => database.drop());
  return KurrentEventStore.connect({ url, indexUrl: database.url, prefix: `yad-${newId()}` });
}

const { KURRENTDB_URL } = process.env;
if (KURRENTDB_URL) {
  eventStoreConformance('KurrentDB', () => openStore(KURRENTDB_URL), ofKurrent('server'));
} else {
  eventStoreConformance(
    'KurrentDB, by its double',
    async (clock) => {
      const double = await KurrentDbDouble.start({ clock: () => clock.now() });
      ends.push(() => double.stop());
      return openStore(double.url());
    },
    ofKurrent('given'),
  );
}

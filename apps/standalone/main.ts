import { join, resolve } from 'node:path';
import { startEmbeddedPostgres } from '#platform/postgres/embedded/embedded-postgres.js';
import { startSystem } from '#platform/runtime/composition.js';
import { migrateDatabases } from '#platform/runtime/databases.js';
import { listen, runApp, systemOf } from '#platform/runtime/run-app.js';
import { assertNoKafka, partsOf, policiesOf } from '#platform/runtime/policies.js';
import { databasesOf } from '#platform/runtime/connections.js';
import { openNote } from '#platform/runtime/sign-in.js';
import { definitions } from '../definitions.js';
import { isUp, welcome } from './welcome.js';

// All of Yad in one process: what `npm start` runs. The database comes with it unless DATABASE_URL names another.
await runApp('yad', async (environment, lifecycle, telling) => {
  const { log } = telling;
  assertNoKafka(environment);
  const dataDir = resolve(environment.YAD_DATA);
  let usual = environment.DATABASE_URL;
  if (usual === undefined) {
    const embedded = await startEmbeddedPostgres({ dataDir: join(dataDir, 'postgres'), log: (line) => log.info(line) });
    lifecycle.onStop('embedded database', () => embedded.stop());
    // As on a server of one's own: the owner makes the tables, and all that follows may add to the log and no more.
    const { name, password, url } = embedded.apps;
    const own = {
      databases: databasesOf(environment, embedded.url),
      projections: definitions.projections,
      prefix: 'yad',
      login: { name, password },
      only: embedded.url,
    };
    for await (const _ of migrateDatabases(own));
    usual = url;
  }
  const { app, signIn } = await startSystem(
    definitions,
    {
      ...systemOf(environment, telling, usual),
      parts: partsOf(['commands', 'read-models', 'audit'], environment),
      policies: policiesOf(environment),
      partitions: environment.YAD_PARTITIONS,
      topic: environment.YAD_TOPIC,
    },
    lifecycle,
  );
  const address = await listen(app, environment, 3000);
  const data = environment.DATABASE_URL ? 'the database that DATABASE_URL names' : dataDir;
  if (log.isPretty) console.log(welcome(address, data, signIn.isOpen));
  else log.info(isUp(address, data) + openNote(signIn));
});

import { startSystem } from '#platform/runtime/composition.js';
import { httpOf, listen, runApp } from '#platform/runtime/run-app.js';
import { databasesOf, kafkaOf } from '#platform/runtime/connections.js';
import { openNote, signInOf } from '#platform/runtime/sign-in.js';
import { definitions } from '../definitions.js';

// The read side as a process of its own: read models from Kafka, or from the log itself, and the queries on them.
await runApp('analytics', async (environment, lifecycle, { log, metrics, tracing }) => {
  const { app, signIn } = await startSystem(
    definitions,
    {
      databases: databasesOf(environment),
      parts: ['read-models'],
      kafka: kafkaOf(environment),
      partitions: environment.YAD_PARTITIONS,
      log,
      metrics,
      tracing,
      http: httpOf(environment),
      signIn: signInOf(environment),
    },
    lifecycle,
  );
  log.info(`analytics answers on ${await listen(app, environment, 3001)}${openNote(signIn)}`);
});

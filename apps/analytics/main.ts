import { startSystem } from '#platform/runtime/composition.js';
import { listen, runApp, systemOf } from '#platform/runtime/run-app.js';
import { kafkaOf } from '#platform/runtime/connections.js';
import { openNote } from '#platform/runtime/sign-in.js';
import { definitions } from '../definitions.js';

// The read side as a process of its own: read models from Kafka, or from the log itself, and the queries on them.
await runApp('analytics', async (environment, lifecycle, telling) => {
  const { app, signIn } = await startSystem(
    definitions,
    {
      ...systemOf(environment, telling),
      parts: ['read-models'],
      kafka: kafkaOf(environment),
      partitions: environment.YAD_PARTITIONS,
    },
    lifecycle,
  );
  telling.log.info(`analytics answers on ${await listen(app, environment, 3001)}${openNote(signIn)}`);
});

import { startSystem } from '#platform/runtime/composition.js';
import { listen, runApp, systemOf } from '#platform/runtime/run-app.js';
import { kafkaOfPolicies, partsOf, policiesOf } from '#platform/runtime/policies.js';
import { openNote } from '#platform/runtime/sign-in.js';
import { definitions } from '../definitions.js';

// The write side as a process of its own: all commands, and the auditors' API on the log. It reads no read
// model, and its policies read the log itself, so that the write side needs no broker; where there are too many events
// for one process, policies run in processes of this app that read Kafka.
await runApp('operations', async (environment, lifecycle, telling) => {
  const { YAD_TOPIC: topic, YAD_PARTITIONS: partitions } = environment;
  const options = {
    ...systemOf(environment, telling),
    parts: partsOf(['commands', 'audit'], environment),
    policies: policiesOf(environment),
    kafka: kafkaOfPolicies(environment),
    topic,
    partitions,
  };
  const { app, signIn } = await startSystem(definitions, options, lifecycle);
  telling.log.info(
    `operations answers on ${await listen(app, environment, 3000)}, documents at /docs${openNote(signIn)}`,
  );
});

import { startSystem } from '#platform/runtime/composition.js';
import { httpOf, listen, runApp } from '#platform/runtime/run-app.js';
import { partsOf, policiesOf } from '#platform/runtime/policies.js';
import { databasesOf } from '#platform/runtime/connections.js';
import { openNote, signInOf } from '#platform/runtime/sign-in.js';
import { definitions } from '../definitions.js';

// The write side as a process of its own: all commands, and the auditors' API on the log. It reads no read
// model, and its policies read the log itself: the write side needs no broker.
await runApp('operations', async (environment, lifecycle, { log, metrics, tracing }) => {
  const http = httpOf(environment);
  const { YAD_TOPIC: topic, YAD_PARTITIONS: partitions } = environment;
  const options = {
    databases: databasesOf(environment),
    parts: partsOf(['commands', 'audit'], environment),
    policies: policiesOf(environment),
    topic,
    partitions,
    log,
    metrics,
    tracing,
    signIn: signInOf(environment),
    http,
  };
  const { app, signIn } = await startSystem(definitions, options, lifecycle);
  log.info(`operations answers on ${await listen(app, environment, 3000)}, documents at /docs${openNote(signIn)}`);
});

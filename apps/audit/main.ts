import { startSystem } from '#platform/runtime/composition.js';
import { httpOf, listen, runApp } from '#platform/runtime/run-app.js';
import { databasesOf } from '#platform/runtime/connections.js';
import { openNote, signInOf } from '#platform/runtime/sign-in.js';
import { definitions } from '../definitions.js';

// The auditors' API by itself: the log, and nothing else.
await runApp('audit', async (environment, lifecycle, { log, metrics, tracing }) => {
  const http = httpOf(environment);
  const options = {
    databases: databasesOf(environment),
    parts: ['audit'] as const,
    log,
    metrics,
    tracing,
    signIn: signInOf(environment),
    http,
  };
  const { app, signIn } = await startSystem(definitions, options, lifecycle);
  log.info(`audit answers on ${await listen(app, environment, 3002)}${openNote(signIn)}`);
});

import { startSystem } from '#platform/runtime/composition.js';
import { httpOf, listen, runApp } from '#platform/runtime/run-app.js';
import { databasesOf } from '#platform/runtime/connections.js';
import { definitions } from '../definitions.js';

// The auditors' API by itself: the log, and nothing else.
await runApp('audit', async (environment, lifecycle, { log, metrics }) => {
  const http = httpOf(environment);
  const options = { databases: databasesOf(environment), parts: ['audit'] as const, log, metrics, http };
  const { app } = await startSystem(definitions, options, lifecycle);
  log.info(`audit answers on ${await listen(app, environment, 3002)}`);
});

import { startSystem } from '#platform/runtime/composition.js';
import { listen, runApp, systemOf } from '#platform/runtime/run-app.js';
import { openNote } from '#platform/runtime/sign-in.js';
import { definitions } from '../definitions.js';

// The auditors' API by itself: the log, and nothing else.
await runApp('audit', async (environment, lifecycle, telling) => {
  const options = { ...systemOf(environment, telling), parts: ['audit'] as const };
  const { app, signIn } = await startSystem(definitions, options, lifecycle);
  telling.log.info(`audit answers on ${await listen(app, environment, 3002)}${openNote(signIn)}`);
});

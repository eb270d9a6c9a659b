import { readSettings } from '#platform/runtime/environment.js';

/** Where operations answers, by the settings. */
export function usualUrl(): string {
  const { YAD_URL, PORT } = readSettings(process.env);
  return YAD_URL ?? `http://localhost:${PORT ?? 3000}`;
}

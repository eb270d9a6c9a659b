import type { IncomingHttpHeaders } from 'node:http';

/** As long as an answer is waited for at most, whatever is preferred. */
export const MOST_WAIT_SECONDS = 60;

/**
 * How long whoever asks would wait (`Prefer: wait=10`, RFC 7240), in milliseconds; undefined where it does not say. A
 * preference that is not understood counts as not said.
 */
export function waitMsOf({ prefer }: IncomingHttpHeaders): number | undefined {
  if (prefer === undefined) return undefined;
  for (const preference of String(prefer).split(/[,;]/)) {
    const [, seconds] = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*$/i.exec(preference) ?? [];
    if (seconds !== undefined) return Math.min(Number(seconds), MOST_WAIT_SECONDS) * 1_000;
  }
  return undefined;
}

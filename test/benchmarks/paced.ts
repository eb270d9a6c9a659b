import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `fire` so often a second for some seconds whether earlier calls have ended or not (an open loop: a system
 * that lags gets no pause for it), then waits for all that were begun.
 * @returns how many were fired, and the seconds until the last of them had ended
 */
export async function paced(
  perSecond: number,
  seconds: number,
  fire: (index: number) => Promise<unknown>,
): Promise<{ fired: number; took: number }> {
  const start = performance.now();
  const total = Math.round(perSecond * seconds);
  const underWay = new Set<Promise<unknown>>();
  let failure: unknown;
  for (let fired = 0; fired < total && failure === undefined;) {
    const due = Math.min(total, Math.floor(((performance.now() - start) * perSecond) / 1000));
    for (; fired < due; fired++) {
      const one: Promise<unknown> = fire(fired)
        .catch((error: unknown) => (failure ??= error))
        .finally(() => underWay.delete(one));
      underWay.add(one);
    }
    await sleep(1);
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure;
  return { fired: total, took: (performance.now() - start) / 1000 };
}

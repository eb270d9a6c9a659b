/** One line of the result: what was measured, beside what, in the same run. */
export interface Row {
  name: string;
  value: number;
  unit: string;
  /** The machine's own limit, in the same unit. */
  baseline: number;
  ratio: number;
  note?: string;
}

export const percentile = (sorted: readonly number[], p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;

/** Keeps `clients` calls under way for some seconds. Latencies in milliseconds. */
export async function atOnce(
  clients: number,
  seconds: number,
  call: () => Promise<unknown>,
): Promise<{ rate: number; p50: number; p99: number }> {
  const start = performance.now();
  const end = start + seconds * 1000;
  const latencies: number[] = [];
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (;;) {
        const before = performance.now();
        if (before > end) return;
        await call();
        latencies.push(performance.now() - before);
      }
    }),
  );
  const took = (performance.now() - start) / 1000;
  latencies.sort((a, b) => a - b);
  return { rate: latencies.length / took, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

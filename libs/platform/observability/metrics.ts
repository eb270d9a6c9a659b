import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** One value and the labels that it stands under. */
export type Sample = readonly [labels: Readonly<Record<string, string | number>>, value: number];

/** A metric that is read from the state of something when it is asked for. */
export interface PulledMetric {
  /** As Prometheus has it: `yad_…`, with the unit at the end, `_total` where it only grows. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** How long one source may take to say its values: a database that is away must not keep the others from being told. */
const PATIENCE_MS = 2_000;
/** Seconds, from a warm command to a request that is given up. */
export const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Source {
  readonly name: string;
  read(): Promise<unknown>;
}

/** What a process tells Prometheus. Modules know nothing of it: what they have anyway is read when somebody asks. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly sources: Source[] = [];
  private readonly failures: Counter<'source'>;
  private reading: Promise<void> | undefined;

  constructor() {
    this.failures = new Counter({
      name: 'yad_scrape_failures_total',
      help: 'Times that values could not be read, by what they are of; they are absent then.',
      labelNames: ['source'],
      registers: [this.registry],
    });
  }

  /** Of a process of its own: with CPU, memory, event loop and garbage collection, under their usual names. */
  static ofProcess(app: string): Metrics {
    const metrics = new Metrics();
    collectDefaultMetrics({ register: metrics.registry });
    metrics.pull(
      'process',
      { info: { name: 'yad_process_info', help: 'Which app this is.', labels: ['app'] } },
      () => ({
        info: [[{ app }, 1]],
      }),
    );
    return metrics;
  }

  /**
   * Metrics whose values come from one source, read together each time that somebody asks. A name that ends in `_total`
   * is a counter, any other a gauge.
   * @param read says them by key; a key that is left out has no values this time
   */
  pull<Keys extends string>(
    source: string,
    metrics: Readonly<Record<Keys, PulledMetric>>,
    read: () => Partial<Record<Keys, readonly Sample[]>> | Promise<Partial<Record<Keys, readonly Sample[]>>>,
  ): void {
    const made = Object.entries<PulledMetric>(metrics).map(([key, { name, help, labels = [] }]) => {
      const options = { name, help, labelNames: [...labels], registers: [this.registry] };
      return [key, name.endsWith('_total') ? new Counter(options) : new Gauge(options)] as const;
    });
    // From 0 on, or a rate of the first one could not be told.
    this.failures.inc({ source }, 0);
    this.sources.push({
      name: source,
      read: async () => {
        const samples = await inTime(Promise.resolve().then(read)).catch(() => {
          this.failures.inc({ source });
          return {} as Partial<Record<string, readonly Sample[]>>;
        });
        for (const [key, metric] of made) {
          metric.reset();
          // Without labels a reset leaves 0, which would be a value; where there is none the metric has to be silent.
          if ((metrics[key as Keys].labels ?? []).length === 0) metric.remove();
          for (const [labels, value] of samples[key as Keys] ?? []) metric.inc(labels, value);
        }
      },
    });
  }

  /** A counter that is moved when something happens. */
  counter<L extends string>(name: string, help: string, labels: readonly L[] = []): Counter<L> {
    return new Counter({ name, help, labelNames: [...labels], registers: [this.registry] });
  }

  /** How something is spread, moved when it happens. */
  histogram<L extends string>(
    name: string,
    help: string,
    labels: readonly L[] = [],
    buckets: readonly number[] = DURATIONS,
  ): Histogram<L> {
    return new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [this.registry] });
  }

  /** All of it, in the text format of Prometheus. Whoever asks while the values are being read gets these. */
  async text(): Promise<string> {
    await (this.reading ??= Promise.all(this.sources.map((source) => source.read()))
      .then(() => {})
      .finally(() => (this.reading = undefined)));
    return this.registry.metrics();
  }

  get contentType(): string {
    return this.registry.contentType;
  }
}

function inTime<T>(reading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  return Promise.race([reading, late]).finally(() => clearTimeout(timer));
}

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { SenderLimits } from '#platform/http/admission.js';
import { allowedHosts } from '#platform/http/request-guards.js';
import type { QueryBudgetOptions } from '#platform/projections/queries/query-budget.js';
import { createLog, type WrittenLog } from '#platform/observability/pino-log.js';
import { Tracing } from '#platform/observability/tracing.js';
import { Metrics } from '#platform/observability/metrics.js';
import { databasesOf } from './connections.js';
import { Lifecycle } from './lifecycle.js';
import { measureLog } from './metrics/app-metrics.js';
import { signInOf } from './sign-in.js';
import { snapshotsOf } from './snapshots.js';
import { readSettings, unknownSettings, WrongSettings, type Environment } from './environment.js';

/** What a process tells of itself by. */
export interface Telling {
  readonly log: WrittenLog;
  readonly metrics: Metrics;
  readonly tracing: Tracing | undefined;
}

/**
 * Runs an app as a process: reads the settings, starts it, and ends it in order at SIGTERM or Ctrl-C; with 1 where it
 * cannot start or go on.
 * @param start registers with the lifecycle what is to be stopped, as soon as it runs
 * @param needed settings without which it cannot start
 */
export async function runApp(
  name: string,
  start: (environment: Environment, lifecycle: Lifecycle, telling: Telling) => Promise<void>,
  needed?: Parameters<typeof readSettings>[1],
): Promise<void> {
  let lifecycle: Lifecycle | undefined;
  try {
    const environment = readSettings(process.env, needed);
    const log = await createLog({ app: name, level: environment.LOG_LEVEL, format: environment.LOG_FORMAT });
    lifecycle = new Lifecycle(name, { drainMs: environment.DRAIN_MS, log });
    lifecycle.endOnSignals();
    for (const unknown of unknownSettings(process.env)) {
      log.warn(`${name}: ${unknown} is set, and no setting has this name (npx yad config lists them)`);
    }
    const metrics = Metrics.ofProcess(name);
    measureLog(metrics, log);
    const tracing = await tracingOf(environment, name);
    // Before all that is started, so that it is stopped when that has told its last.
    if (tracing) lifecycle.onStop('traces', () => tracing.stop());
    await start(environment, lifecycle, { log, metrics, tracing });
  } catch (error) {
    // Settings that are wrong may be those of the log.
    lifecycle ??= new Lifecycle(name, { log: await createLog({ app: name }) });
    await lifecycle.fail(error);
  }
}

/** Recorded where a collector is named, and nowhere else. */
const tracingOf = (environment: Environment, app: string): Promise<Tracing> | undefined => {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: ratio } = environment;
  return endpoint === undefined ? undefined : Tracing.start({ app, endpoint, ratio });
};

/**
 * What an app starts its system with, beside its parts: as its settings say.
 * @param usual in the place of DATABASE_URL
 * @throws WrongSettings naming what does not fit
 */
export const systemOf = (environment: Environment, telling: Telling, usual?: string) => ({
  databases: databasesOf(environment, usual),
  ...telling,
  http: httpOf(environment),
  signIn: signInOf(environment),
  snapshots: snapshotsOf(environment),
});

/** What the settings say of the HTTP that an app serves. @throws WrongSettings naming what does not fit */
const httpOf = (
  environment: Environment,
): {
  hosts: ReadonlySet<string>;
  origins: readonly string[];
  linesASecond: number;
  mostConnections: number;
  senderLimits: SenderLimits;
  heavyQueries: QueryBudgetOptions;
} => ({
  hosts: hostsOf(environment),
  origins: environment.CORS_ORIGINS,
  linesASecond: environment.LOG_REQUESTS_PER_SECOND,
  mostConnections: environment.MAX_CONNECTIONS,
  senderLimits: senderLimitsOf(environment),
  heavyQueries: { ofEach: environment.LIMIT_HEAVY_QUERIES },
});

const senderLimitsOf = (environment: Environment): SenderLimits => {
  const { LIMIT_REQUESTS_PER_SECOND: perSecond, LIMIT_BURST: burst } = environment;
  const { LIMIT_FAILED_SIGN_INS_PER_SECOND: failed, LIMIT_FEED: feedAtOnce } = environment;
  return {
    requests: perSecond === 0 ? undefined : { perSecond, burst },
    failedSignIns: failed === 0 ? undefined : { perSecond: failed, burst: failed * 10 },
    feedAtOnce,
  };
};

/** The names under which the app answers, beside this machine's own. @throws WrongSettings naming what is none */
export function hostsOf({ ALLOWED_HOSTS, HOST }: Environment): ReadonlySet<string> {
  try {
    return allowedHosts(ALLOWED_HOSTS, HOST);
  } catch (error) {
    throw new WrongSettings([(error as Error).message]);
  }
}

/** Listens where the settings say. Resolves to the address, by a name that can be clicked on. */
export async function listen(app: NestFastifyApplication, { PORT, HOST }: Environment, usual: number): Promise<string> {
  await app.listen(PORT ?? usual, HOST);
  return (await app.getUrl()).replace('[::1]', 'localhost').replace('127.0.0.1', 'localhost');
}

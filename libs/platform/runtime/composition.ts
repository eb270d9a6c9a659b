import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AccessLog } from '#platform/access/access-log.js';
import { PostgresAccessEntries } from '#platform/access/log/postgres-access-entries.adapter.js';
import { accessLogQuery } from '#platform/audit/access-log.query.js';
import type { SignIn } from '#platform/access/sign-in.js';
import { auditQueries, MAY_AUDIT, type AuditOptions } from '#platform/audit/audit.queries.js';
import { StoreFreshness } from '#platform/audit/store-freshness.js';
import { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import { ResourceReader } from '#platform/command-handling/resource-reader.js';
import { answerDiffQueries, resourceDiffQueries, stateDiffQuery } from '#platform/differences/diff.queries.js';
import { usualTopic } from '#platform/event-bus/event-bus.js';
import { KafkaBus } from '#platform/event-bus/kafka/kafka-bus.adapter.js';
import { LocalBus } from '#platform/event-bus/local/local-bus.adapter.js';
import { PostgresRelayState } from '#platform/event-bus/relay/postgres-relay-state.js';
import { EventFeed } from '#platform/event-feed/event-feed.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { createHttpApp, type HttpAppOptions } from '#platform/http/create-http-app.js';
import { PostgresCursorKeys } from '#platform/http/cursor-keys/postgres-cursor-keys.adapter.js';
import type { DocumentWords } from '#platform/http/openapi/document.js';
import type { ReadinessChecks } from '#platform/http/health.controller.js';
import { closeInOrder, drain } from '#platform/http/close-in-order.js';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import { systemClock } from '#platform/kernel/clock.js';
import type { CommandDefinition } from '#platform/kernel/command.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import type { PolicyDefinition } from '#platform/kernel/policy.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import type { EventContract } from '#platform/kernel/event-contract.js';
import { consoleLog, type Log } from '#platform/observability/log.js';
import { Metrics } from '#platform/observability/metrics.js';
import type { Tracing } from '#platform/observability/tracing.js';
import type { PolicyHost } from '#platform/policies/policy-host.js';
import { FoldedReads } from '#platform/projections/as-of/folded-reads.js';
import type { PastReads } from '#platform/projections/as-of/past-reads.js';
import { DecodedEvents } from '#platform/projections/folding/decoded-events.js';
import type { Projection } from '#platform/projections/definition/projection.js';
import { Past } from '#platform/projections/as-of/past.js';
import type { QueryDefinition } from '#platform/projections/definition/query.js';
import type { QueryBudgetOptions } from '#platform/projections/queries/query-budget.js';
import { ProjectionHost } from '#platform/projections/running/projection-host.js';
import type { SnapshotSettings } from '#platform/projections/snapshots/snapshots.js';
import { awaitDatabases } from './await-databases.js';
import { codecOf } from './codec.js';
import { measureVisibility } from './metrics/read-model-metrics.js';
import { measureAppends } from './metrics/store-metrics.js';
import { measureSystem } from './metrics/system-metrics.js';
import { busLogOf } from './bus-log.js';
import { openDatabases } from './databases.js';
import { openStore } from './open-store.js';
import type { Lifecycle } from './lifecycle.js';
import { each, traceAppends, traceWrites } from './traces.js';
import { startPolicies, type BusOfProcess, type PolicySettings } from './policies.js';
import type { Databases, KafkaSettings } from './connections.js';
import { startSignIn, type SignInSettings } from './sign-in.js';

/** What a system is made of, beside the platform. */
export interface Definitions {
  readonly events: readonly EventContract<any>[];
  readonly commands: readonly CommandDefinition[];
  /** What follows when something has happened. */
  readonly policies?: readonly PolicyDefinition[];
  /** The aggregates as they are answered whole. */
  readonly resources: readonly ResourceDefinition[];
  readonly projections: readonly Projection[];
  readonly queries: readonly QueryDefinition[];
  /** What the API document says beside what follows from these. */
  readonly documentWords?: DocumentWords;
}

/** Which parts of a system run in this process. */
export type Part = 'commands' | 'read-models' | 'audit' | 'policies';

export interface SystemOptions {
  readonly databases: Databases;
  readonly parts: readonly Part[];
  /** Where the events of the log come from for read models and policies; absent: from the log itself. */
  readonly kafka?: KafkaSettings;
  /** How policies are set. */
  readonly policies?: PolicySettings;
  /** How many snapshots of the read models there may be, and which are kept by schedule. */
  readonly snapshots?: SnapshotSettings;
  /** Of the bus, for good. */
  readonly partitions?: number;
  /** Name of the topic of events as consumers are told it; a part without Kafka tells it, too. */
  readonly topic?: string;
  /** Who may come in; absent: by the keys alone, on this machine alone. */
  readonly signIn?: SignInSettings;
  /** Where the parts tell what they do and what they have trouble with. */
  readonly log?: Log;
  /** Where traces are recorded. */
  readonly tracing?: Tracing | undefined;
  /** Where what happens is counted; `/metrics` serves it. */
  readonly metrics?: Metrics;
  /** Told of what the read models have trouble with, which they try again; the log without it. */
  readonly onError?: (error: unknown) => void;
  /** Over what is worked out here. */
  readonly http?: Partial<HttpAppOptions>;
}

/** A system that runs in this process, in whole or in part. */
export interface System {
  readonly store: EventStore;
  /** With the part `read-models`. */
  readonly host: ProjectionHost | undefined;
  readonly signIn: SignIn;
  /** With the part `policies`. */
  readonly policies: PolicyHost | undefined;
  /** Initialised, not yet listening. */
  readonly app: NestFastifyApplication;
}

/** The aggregates that some command decides on, each once. */
export const aggregatesOf = (commands: readonly CommandDefinition[]): readonly Aggregate[] => [
  ...new Set(commands.map(({ on }) => on)),
];

const WITHOUT_READ_MODELS = ['store', 'keys'] as const;
const ALL_DATABASES = [...WITHOUT_READ_MODELS, 'readModels'] as const;

/**
 * Wires a system from its definitions: the one place that knows which adapter stands behind which port. What it starts
 * is stopped by the lifecycle, also when it fails half-way.
 */
export async function startSystem(
  definitions: Definitions,
  options: SystemOptions,
  lifecycle: Lifecycle,
): Promise<System> {
  const { parts, log = consoleLog, metrics = new Metrics(), tracing } = options;
  const needed = parts.includes('read-models') ? ALL_DATABASES : WITHOUT_READ_MODELS;
  await awaitDatabases(options.databases, needed, { log });
  const databases = await openDatabases(options.databases, needed, log);
  const onError = options.onError ?? ((trouble: unknown) => log.error('read models', { trouble }));
  const { projections } = definitions;
  const codec = codecOf(definitions.events);
  const store = await openStore(databases, lifecycle, log);
  const cursorKeys = await lifecycle.opened('cursor keys', PostgresCursorKeys.connect(databases.keys));
  const accessLog = await lifecycle.opened(
    'access log',
    openAccessLog(databases.keys, options.onError ?? ((trouble) => log.error('access log', { trouble }))),
  );
  const { signIn, keys } = await startSignIn(databases, options.signIn ?? {}, lifecycle, log);
  const serves = (part: Part): boolean => parts.includes(part);
  const readiness: Record<string, () => Promise<unknown>> = {
    process: lifecycle.check,
    store: () => (serves('commands') ? store.checkWritable() : store.head()),
    'sign-in': async () => keys.assertKnown(),
  };
  const gateway =
    serves('commands') || serves('policies')
      ? new CommandPipeline({ store, codec, onAppend: each(measureAppends(metrics), tracing && traceAppends(tracing)) })
      : undefined;
  const onBus =
    serves('read-models') || serves('policies')
      ? await startBus(store, databases, options, readiness, lifecycle)
      : undefined;
  let policies: PolicyHost | undefined;
  if (onBus && gateway && serves('policies')) {
    const told = options.onError ?? ((trouble: unknown) => log.error('policies', { trouble }));
    const started = { definitions: definitions.policies ?? [], store, codec, gateway, onError: told };
    policies = await startPolicies({ ...started, ...onBus, databaseUrl: databases.store, settings: options.policies });
    lifecycle.onStop('policies', () => policies!.stop());
    readiness['policies'] = () => policies!.ready();
  }
  let host: ProjectionHost | undefined;
  if (onBus && serves('read-models')) {
    const { bus, published } = onBus;
    host = await ProjectionHost.start({
      bus,
      store,
      codec,
      projections,
      databaseUrl: databases.readModels,
      published,
      snapshots: options.snapshots,
      onError,
      onWritten: each(measureVisibility(metrics, systemClock), tracing && traceWrites(tracing)),
    });
    lifecycle.onStop('read models', () => host!.stop());
    readiness['read models'] = () => host!.ready();
  }
  const { topic, partitions } = options;
  const served = servedBy(definitions, parts, { store, codec, gateway, host, topic, partitions, accessLog });
  const heavy = options.http?.heavyQueries as QueryBudgetOptions | undefined;
  const measured = measureSystem(metrics, { store, readiness, bus: onBus?.bus, host, policies, served, heavy });
  const ways = { authenticator: signIn, accessLog, cursorKeys, readiness, logger: log, tracing };
  const app = await createHttpApp({ ...served, ...ways, ...options.http, ...measured });
  lifecycle.onStop('http', () => closeInOrder(app));
  lifecycle.onDrain(() => drain(app));
  return { store, host, policies, signIn, app };
}

/** What an app is made with, by what it is known to be here. */
type Served = Omit<HttpAppOptions, 'authenticator'> & { readonly gateway?: CommandPipeline; readonly feed?: EventFeed };

/** What parts of a system serve over HTTP, on a store that is there and, with `read-models`, on a host that runs. */
export function servedBy(
  { events, commands, resources, queries, documentWords }: Definitions,
  parts: readonly Part[],
  on: {
    store: EventStore;
    codec?: EventCodec;
    gateway?: CommandPipeline;
    host?: Pick<ProjectionHost, 'readModels' | 'progress'> & Partial<Pick<ProjectionHost, 'snapshots' | 'pastReads'>>;
    topic?: string;
    partitions?: number;
    accessLog?: Pick<AccessLog, 'entries'>;
  },
): Served {
  const {
    store,
    codec = codecOf(events),
    host,
    topic = usualTopic.name,
    partitions = usualTopic.partitions,
    accessLog,
  } = on;
  const aggregates = aggregatesOf(commands);
  const asked = host && parts.includes('read-models') ? [...queries] : [];
  const folded =
    host &&
    new FoldedReads({ read: host.readModels, store, decoded: new DecodedEvents(codec), freshness: host.progress });
  asked.push(...logQueries(parts, { store, codec, events, aggregates, resources, folded }, queries));
  if (parts.includes('audit') && accessLog) asked.push(accessLogQuery(accessLog.entries));
  const served: Served = {
    documentWords,
    queries: asked,
    read: host?.readModels,
    past: folded && host.pastReads && new Past(folded, host.pastReads),
    points: { store, partitions, named: host?.snapshots && ((name) => host.snapshots!.pointNamed(name)) },
    freshness: new StoreFreshness(store, host?.progress),
    snapshots: host?.snapshots,
  };
  if (!parts.includes('commands')) return served;
  const published = { events, topic, partitions, samples: documentWords?.samples };
  const gateway = on.gateway ?? new CommandPipeline({ store, codec });
  const reader = new ResourceReader(store, codec);
  const feed = new EventFeed(store);
  return { ...served, published, feed, commands, gateway, secrets: store.identity, resources, reader };
}

/** What queries of the log are answered from. */
export interface LogParts extends AuditOptions {
  readonly resources: readonly ResourceDefinition[];
  /** Reads what queries about some have answered from the events of these; with it what changed in them is told, too. */
  readonly folded?: PastReads | undefined;
}

/** The queries of the log that these parts answer. */
export const logQueries = (
  parts: readonly Part[],
  { resources, folded, ...log }: LogParts,
  queries: readonly QueryDefinition[],
): QueryDefinition[] => [
  ...(parts.includes('audit') ? [...auditQueries(log), stateDiffQuery(log, MAY_AUDIT)] : []),
  ...(parts.includes('commands') ? resourceDiffQueries(log, resources) : []),
  ...(parts.includes('read-models') && folded ? answerDiffQueries({ ...log, folded }, queries) : []),
];

/** Who saw what, in the database of the keys: beside the log that it is about, and not in it. */
const openAccessLog = async (url: string, onError: (error: unknown) => void): Promise<AccessLog> =>
  new AccessLog(await PostgresAccessEntries.connect(url), { onError });

/** What feeds read models and policies: Kafka where brokers are named, else the log itself. */
async function startBus(
  store: EventStore,
  databases: Databases,
  { kafka, partitions, parts, log: to = consoleLog }: SystemOptions,
  readiness: { -readonly [Name in keyof ReadinessChecks]: ReadinessChecks[Name] },
  lifecycle: Lifecycle,
): Promise<BusOfProcess> {
  const log = busLogOf(to);
  if (!kafka) {
    const bus = new LocalBus(store, { partitions, log });
    lifecycle.onStop('local bus', () => bus.close());
    return { bus, isShared: false };
  }
  const relay = await lifecycle.opened('relay state', PostgresRelayState.connect(databases.store));
  const bus = new KafkaBus({
    store,
    brokers: [...kafka.brokers],
    clientId: parts.includes('read-models') ? 'yad-analytics' : 'yad-policies',
    ...kafka.signIn,
    topic: kafka.topic,
    settings: kafka.settings,
    partitions,
    log,
    published: {
      heads: () => relay.heads(),
      eventAt: async (position) => (await store.readAll({ after: position - 1n, through: position, limit: 1 }))[0],
    },
    onFatal: (error) => void lifecycle.fail(error),
  });
  lifecycle.onStop('kafka', () => bus.close());
  readiness['kafka'] = async () => bus.note;
  return { bus, isShared: true, published: () => relay.published() };
}

import type { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import type { EventBus } from '#platform/event-bus/event-bus.js';
import { KafkaBus } from '#platform/event-bus/kafka/kafka-bus.adapter.js';
import type { EventFeed } from '#platform/event-feed/event-feed.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { HttpAppOptions } from '#platform/http/create-http-app.js';
import type { ReadinessChecks } from '#platform/http/health.controller.js';
import type { Metrics } from '#platform/observability/metrics.js';
import type { PolicyHost } from '#platform/policies/policy-host.js';
import type { ProjectionHost } from '#platform/projections/running/projection-host.js';
import { QueryBudget, type QueryBudgetOptions } from '#platform/projections/queries/query-budget.js';
import { measureCommands, measureFeed, measureReadiness } from './app-metrics.js';
import { measurePolicies } from './policy-metrics.js';
import { measureHeavyQueries, measureReadModels, measureTopic } from './read-model-metrics.js';
import { measureRequests } from './request-metrics.js';
import { measurePools, measureStore } from './store-metrics.js';

/** What runs in a process, as far as it does. */
export interface MeasuredSystem {
  readonly store: Pick<EventStore, 'head' | 'identity'>;
  readonly readiness: ReadinessChecks;
  /** Bounds of heavy queries. */
  readonly heavy?: QueryBudgetOptions | undefined;
  readonly bus?: EventBus | undefined;
  readonly host?: ProjectionHost | undefined;
  readonly policies?: PolicyHost | undefined;
  readonly served: Pick<HttpAppOptions, 'commands' | 'queries' | 'resources'> & {
    readonly gateway?: CommandPipeline;
    readonly feed?: EventFeed;
  };
}

/** Has metrics tell of all parts of a system. @returns what its HTTP app is to be made with */
export function measureSystem(
  metrics: Metrics,
  { store, readiness, bus, host, policies, served, heavy }: MeasuredSystem,
): Pick<HttpAppOptions, 'metrics' | 'observers' | 'batchObserver' | 'heavyQueries'> {
  const { commands = [], queries = [], resources = [], gateway, feed } = served;
  measureReadiness(metrics, readiness);
  measureStore(metrics, store);
  measurePools(metrics);
  if (gateway) measureCommands(metrics, gateway);
  if (feed) measureFeed(metrics, feed);
  if (host) measureReadModels(metrics, host);
  if (policies) measurePolicies(metrics, policies);
  if (bus instanceof KafkaBus) measureTopic(metrics, bus);
  const heavyQueries = new QueryBudget(heavy);
  if (queries.some(({ heavy }) => heavy)) measureHeavyQueries(metrics, heavyQueries);
  const readings = [...queries, ...resources].map(({ name }) => name);
  const { observer, batchObserver } = measureRequests(metrics, {
    commands: commands.map(({ name }) => name),
    queries: feed ? [...readings, 'EventFeed'] : readings,
  });
  return { metrics, observers: [observer], batchObserver, heavyQueries };
}

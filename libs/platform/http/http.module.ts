import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import type { EventFeed } from '#platform/event-feed/event-feed.js';
import type { CommandGateway } from '#platform/command-handling/command-gateway.js';
import type { ResourceReader } from '#platform/command-handling/resource-reader.js';
import { COMMAND_GATEWAY, commandHandlers, queryHandlers } from '#platform/cqrs/buses.js';
import { systemClock, type Clock } from '#platform/kernel/clock.js';
import type { CommandDefinition } from '#platform/kernel/command.js';
import { SecretIds } from '#platform/kernel/ids.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import { AsOf, type AsOfParts } from '#platform/projections/as-of/as-of.js';
import type { PastReads } from '#platform/projections/as-of/past-reads.js';
import type { Freshness } from '#platform/projections/queries/freshness.js';
import { QueryBudget, type QueryBudgetOptions } from '#platform/projections/queries/query-budget.js';
import type { QueryDefinition, QuerySource } from '#platform/projections/definition/query.js';
import type { PublishedTopic } from '#platform/schemas/asyncapi.js';
import type { AccessLog } from '#platform/access/access-log.js';
import type { Authenticator } from '#platform/access/principal.js';
import { Admission, type SenderLimits } from './admission.js';
import { BatchController, type BatchObserver } from './batch.controller.js';
import { commandController } from './command-routes.js';
import type { CursorKeys } from './cursor-keys/cursor-keys.js';
import { AsOfTokens } from './as-of-tokens.js';
import { Cursors } from './cursors.js';
import { FeedController } from './feed.controller.js';
import { MetricsController, type MetricsText } from './metrics.controller.js';
import { HealthController, type ReadinessChecks } from './health.controller.js';
import { IdsController } from './ids.controller.js';
import { queryController, type QueryParts } from './query-routes.js';
import { resourceController, type ResourceParts } from './resource-routes.js';
import { SchemasController } from './schemas.controller.js';
import { SnapshotsController, type SnapshotParts } from './snapshots.controller.js';
import {
  ADMISSION,
  BATCH_DEFINITIONS,
  BATCH_OBSERVER,
  COMMAND_IDS,
  EVENT_FEED,
  METRICS,
  NATURAL_IDS,
  PUBLISHED_TOPIC,
  QUERY_PARTS,
  READINESS,
  RESOURCE_PARTS,
  SNAPSHOTS,
} from './tokens.js';

/** A key of 32 bytes for each purpose, always the same: the log's identity gives them. */
export interface LastingKeys {
  lastingKeyFor(purpose: string): Buffer;
}

/** What an app serves: commands with their gateway, or queries with their read models, or both. */
export interface HttpModuleOptions {
  commands?: readonly CommandDefinition[];
  gateway?: CommandGateway;
  /** The log's keys, and so lasting, under which ids and fingerprints of commands and ids of natural keys are made. */
  secrets?: LastingKeys;
  /** The aggregates as they are read whole, and who reads them; each that a command is on has one. */
  resources?: readonly ResourceDefinition[];
  reader?: ResourceReader;
  queries?: readonly QueryDefinition[];
  read?: QuerySource;
  freshness?: Freshness;
  /** Where `asOf` names points; what queries need. */
  points?: Omit<AsOfParts, 'tokens' | 'clock'>;
  /** Where read models of the past are read; absent: `asOf` serves queries of the log only. */
  past?: PastReads;
  /** Who is asking. */
  authenticator: Authenticator;
  /** Where it is noted who sees personal values, before they do. Absent: nowhere, which is for specs alone. */
  accessLog?: AccessLog;
  /** How much one sender may ask; absent: as much as it likes. */
  senderLimits?: SenderLimits;
  clock?: Clock;
  /** What cursors are encrypted with; the same for all processes that serve the same queries. */
  cursorKeys?: CursorKeys;
  /** How long a query waits for its `minPosition`, in milliseconds. */
  timeoutMs?: number;
  /** How many heavy queries the process runs at once, and how many wait. */
  heavyQueries?: QueryBudgetOptions | QueryBudget;
  readiness?: ReadinessChecks;
  /** What `/metrics` serves; no such route without it. */
  metrics?: MetricsText;
  /** Told of what became of the commands of each batch. */
  batchObserver?: BatchObserver;
  /** The events and their topic, where the app tells consumers of them. */
  published?: PublishedTopic;
  /** The log by position, where the app serves it to consumers; closed with the app. */
  feed?: EventFeed;
  /** The read models as of points, where the app has them made. */
  snapshots?: SnapshotParts['snapshots'];
  /** Further Nest modules, for what the registries do not speak of. */
  imports?: DynamicModule['imports'];
}

/** Mounts the registries: routes, and the handlers on Nest's CommandBus and QueryBus behind them. */
@Module({})
// oxlint-disable-next-line typescript/no-extraneous-class -- that is what a dynamic Nest module is
export class HttpModule {
  static register(options: HttpModuleOptions): DynamicModule {
    const { commands = [], resources = [], queries = [], clock = systemClock, timeoutMs = 5000 } = options;
    const { authenticator, readiness = {} } = options;
    const providers: Provider[] = [
      { provide: ADMISSION, useValue: new Admission(authenticator, options.accessLog, options.senderLimits) },
      { provide: READINESS, useValue: readiness },
    ];
    const controllers: DynamicModule['controllers'] = [HealthController];
    if (options.metrics) {
      providers.push({ provide: METRICS, useValue: options.metrics });
      controllers.push(MetricsController);
    }
    if (commands.length > 0) {
      const { gateway, secrets } = options;
      if (!gateway || !secrets) throw new Error('commands need a gateway and secrets');
      const ids = new SecretIds(secrets.lastingKeyFor('commands'));
      // Of a key of their own: whoever may ask for the ids of words could otherwise try out the ids of commands.
      const naturalIds = new SecretIds(secrets.lastingKeyFor('ids'));
      providers.push({ provide: COMMAND_GATEWAY, useValue: gateway }, ...commandHandlers(commands));
      providers.push({ provide: BATCH_DEFINITIONS, useValue: commands }, { provide: COMMAND_IDS, useValue: ids });
      providers.push({ provide: NATURAL_IDS, useValue: naturalIds });
      providers.push({ provide: BATCH_OBSERVER, useValue: options.batchObserver ?? (() => {}) });
      controllers.push(commandController(commands, resources, ids), BatchController, IdsController);
    }
    if (options.published) {
      providers.push({ provide: PUBLISHED_TOPIC, useValue: options.published });
      controllers.push(SchemasController);
    }
    if (options.feed) {
      providers.push({ provide: EVENT_FEED, useValue: options.feed });
      controllers.push(FeedController);
    }
    if (resources.length > 0) {
      const { reader, freshness } = options;
      if (!reader || !freshness) throw new Error('resources need reader and freshness');
      const parts: ResourceParts = { reader, freshness, timeoutMs };
      providers.push({ provide: RESOURCE_PARTS, useValue: parts });
      controllers.push(resourceController(resources));
    }
    if (queries.length > 0) {
      const { read, past, freshness, cursorKeys, points } = options;
      if (!freshness || !cursorKeys || !points) throw new Error('queries need freshness, cursorKeys and points');
      const reading = queries.find(({ projections }) => projections.length > 0);
      if (reading && !read) throw new Error(`${reading.name} reads read models: queries like it need read`);
      const cursors = new Cursors(cursorKeys);
      const { heavyQueries } = options;
      const budget = heavyQueries instanceof QueryBudget ? heavyQueries : new QueryBudget(heavyQueries);
      const asOf = new AsOf({ ...points, tokens: new AsOfTokens(cursorKeys), clock });
      if (options.snapshots) {
        const parts: SnapshotParts = { snapshots: options.snapshots, points: asOf };
        providers.push({ provide: SNAPSHOTS, useValue: parts });
        controllers.push(SnapshotsController);
      }
      const parts: QueryParts = { read, past, freshness, clock, timeoutMs, cursors, asOf, budget };
      providers.push({ provide: QUERY_PARTS, useValue: parts }, ...queryHandlers(queries));
      controllers.push(queryController(queries));
    }
    return {
      module: HttpModule,
      imports: [CqrsModule.forRoot(), ...(options.imports ?? [])],
      controllers,
      providers,
      exports: [CqrsModule, ADMISSION],
    };
  }
}

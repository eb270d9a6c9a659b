import type { KafkaBus } from '#platform/event-bus/kafka/kafka-bus.adapter.js';
import { REFUSALS } from '#platform/event-bus/kafka/message-authenticator.js';
import type { Clock } from '#platform/kernel/clock.js';
import type { Metrics, Sample } from '#platform/observability/metrics.js';
import type { ProjectionHost } from '#platform/projections/running/projection-host.js';
import type { WriteObserver } from '#platform/projections/running/group-members.js';
import type { QueryBudget } from '#platform/projections/queries/query-budget.js';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600];

/**
 * How long events take from the log to the read models: of every write, the age of its oldest event when it had become
 * durable there. All that lies between is in it: relay, topic, folding, writing.
 */
export function measureVisibility(metrics: Metrics, clock: Clock): WriteObserver {
  const seconds = metrics.histogram(
    'yad_event_visible_seconds',
    'From the record of an event to its being in the read models, of the oldest event in each write.',
    [],
    SECONDS,
  );
  return ({ events }) => {
    let oldest = events[0]!.event.recordedAt;
    for (const { event } of events) if (event.recordedAt < oldest) oldest = event.recordedAt;
    seconds.observe(Math.max(0, (clock.now().getTime() - oldest.getTime()) / 1000));
  };
}

const byProjection = ['projection'];

/** How far the read models are behind the log, and what keeps them. */
export function measureReadModels(metrics: Metrics, host: Pick<ProjectionHost, 'lags' | 'figures'>): void {
  metrics.pull(
    'lag of read models',
    {
      events: {
        name: 'yad_projection_lag_events',
        help: 'Positions of the log that a read model does not hold yet.',
        labels: byProjection,
      },
      seconds: {
        name: 'yad_projection_lag_seconds',
        help: 'Age of the oldest event that a read model may not hold yet; 0 where it holds all.',
        labels: byProjection,
      },
      partitions: {
        name: 'yad_partition_lag_events',
        help: 'Positions by which the slowest read model is behind what came of a partition.',
        labels: ['partition'],
      },
    },
    async () => {
      const { projections, partitions } = await host.lags();
      return {
        events: projections.map(({ projection, events }): Sample => [{ projection }, Number(events)]),
        seconds: projections.map(({ projection, seconds }): Sample => [{ projection }, seconds]),
        partitions: [...partitions].map(([partition, events]): Sample => [{ partition }, Number(events)]),
      };
    },
  );
  metrics.pull(
    'read models',
    {
      deadLetters: {
        name: 'yad_projection_dead_letters',
        help: 'Events that are set aside, as they could not be folded or wait behind one that could not.',
        labels: byProjection,
      },
      paused: {
        name: 'yad_projection_paused_partitions',
        help: 'Partitions that wait for code which knows their next event.',
        labels: byProjection,
      },
      builds: { name: 'yad_projection_builds_running', help: 'Builds that are being filled.', labels: byProjection },
      apart: {
        name: 'yad_projection_apart',
        help: '1 where a read model goes on by itself: other-version (it waits for a swap) or trouble (it is behind or failed).',
        labels: ['projection', 'why'],
      },
    },
    async () => {
      const figures = await host.figures();
      const of = (read: (figure: (typeof figures)[number]) => number): Sample[] =>
        figures.map((figure) => [{ projection: figure.projection }, read(figure)]);
      return {
        deadLetters: of(({ deadLetters }) => deadLetters),
        paused: of(({ pausedPartitions }) => pausedPartitions),
        builds: of(({ buildsRunning }) => buildsRunning),
        apart: figures.flatMap(({ projection, apart }): Sample[] => [
          [{ projection, why: 'other-version' }, apart === 'other-version' ? 1 : 0],
          [{ projection, why: 'trouble' }, apart === 'trouble' ? 1 : 0],
        ]),
      };
    },
  );
}

/** Questions about everybody, of which few run at once. */
export function measureHeavyQueries(metrics: Metrics, budget: QueryBudget): void {
  metrics.pull(
    'heavy queries',
    {
      running: { name: 'yad_heavy_queries_running', help: 'Heavy queries that run.' },
      waiting: { name: 'yad_heavy_queries_waiting', help: 'Heavy queries that wait for their turn.' },
      refused: { name: 'yad_heavy_queries_refused_total', help: 'Heavy queries for which there was no turn.' },
    },
    () => {
      const { running, waiting, refused } = budget.status;
      return { running: [[{}, running]], waiting: [[{}, waiting]], refused: [[{}, refused]] };
    },
  );
}

/** What came on the topic that was not taken. */
export function measureTopic(metrics: Metrics, bus: Pick<KafkaBus, 'refusals' | 'forksTold'>): void {
  metrics.pull(
    'topic',
    {
      refused: {
        name: 'yad_topic_messages_refused_total',
        help: 'Messages that were passed over, by why.',
        labels: ['reason'],
      },
      forks: { name: 'yad_topic_forks_told_total', help: 'Messages that told of a fork of the log.' },
    },
    () => ({
      // Those that never occurred too: a rate of the first one could not be told otherwise.
      refused: REFUSALS.map((reason): Sample => [{ reason }, bus.refusals[reason] ?? 0]),
      forks: [[{}, bus.forksTold]],
    }),
  );
}

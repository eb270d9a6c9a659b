import type { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import type { EventFeed } from '#platform/event-feed/event-feed.js';
import { inTime, type ReadinessChecks } from '#platform/http/health.controller.js';
import type { Metrics, Sample } from '#platform/observability/metrics.js';

/** Whether the process can serve, as `/health/ready` says it. */
export function measureReadiness(metrics: Metrics, checks: ReadinessChecks): void {
  metrics.pull(
    'readiness',
    { ready: { name: 'yad_ready', help: '1 where the check holds, by the check of readiness.', labels: ['check'] } },
    async () => ({
      ready: await Promise.all(
        Object.entries(checks).map(async ([check, holds]): Promise<Sample> => {
          const isReady = await inTime(holds()).then(
            () => 1,
            () => 0,
          );
          return [{ check }, isReady];
        }),
      ),
    }),
  );
}

/** Commands that wait for the store. */
export function measureCommands(metrics: Metrics, pipeline: Pick<CommandPipeline, 'waiting'>): void {
  metrics.pull(
    'commands',
    { waiting: { name: 'yad_appends_waiting', help: 'Commands whose events wait for the store or are under way.' } },
    () => ({ waiting: [[{}, pipeline.waiting]] }),
  );
}

/** Who reads the log by position. */
export function measureFeed(metrics: Metrics, feed: Pick<EventFeed, 'status'>): void {
  metrics.pull(
    'feed',
    {
      following: { name: 'yad_feed_followers', help: 'Connections that follow the log.' },
      waiting: { name: 'yad_feed_waiting', help: 'Requests that wait for what comes next in the log.' },
    },
    () => ({ following: [[{}, feed.status.following]], waiting: [[{}, feed.status.waiting]] }),
  );
}

/** Lines of the log that nobody took. */
export function measureLog(metrics: Metrics, log: { readonly lost: number }): void {
  metrics.pull(
    'output',
    { lost: { name: 'yad_output_lines_lost_total', help: 'Lines of the log of this process that nobody took.' } },
    () => ({ lost: [[{}, log.lost]] }),
  );
}

import type { EndedRequest, RequestObserver } from '#platform/http/request-watch.js';
import type { BatchObserver } from '#platform/http/batch.controller.js';
import type { Metrics, Sample } from '#platform/observability/metrics.js';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Which names are operations, so that no label has a value that somebody sent. */
export interface Operations {
  readonly commands: readonly string[];
  /** Readings of aggregates and events, too. */
  readonly queries: readonly string[];
}

/** Counts requests, commands and queries, and how long they take. */
export function measureRequests(
  metrics: Metrics,
  { commands, queries }: Operations,
): { observer: RequestObserver; batchObserver: BatchObserver } {
  const command = {
    all: metrics.counter('yad_commands_total', 'Commands, those in batches too, by what they came to.', [
      'command',
      'outcome',
    ]),
    seconds: metrics.histogram('yad_command_duration_seconds', 'How long requests with one command took.', ['command']),
  };
  const query = {
    all: metrics.counter('yad_queries_total', 'Queries, by what they came to.', ['query', 'outcome']),
    seconds: metrics.histogram('yad_query_duration_seconds', 'How long queries took.', ['query']),
  };
  const batchItems = metrics.histogram(
    'yad_command_batch_items',
    'Commands in one batch.',
    [],
    [1, 10, 100, 1_000, 10_000],
  );
  const [isCommand, isQuery] = [new Set(commands), new Set(queries)];
  const seen = new Map<string, { method: string; status: string; count: number }>();
  let hungUp = 0;
  const answers = {
    name: 'yad_http_requests_total',
    help: 'Requests, by class of status.',
    labels: ['method', 'status'],
  };
  const left = { name: 'yad_http_clients_hung_up_total', help: 'Clients that left before they had the whole answer.' };
  metrics.pull('http', { answers, left }, () => ({
    answers: [...seen.values()].map(({ method, status, count }): Sample => [{ method, status }, count]),
    left: [[{}, hungUp]],
  }));

  const observer = ({ method = '', status, operation, problem, cutOff, ms }: EndedRequest): void => {
    const kind = METHODS.has(method) ? method : 'other';
    const key = `${kind}${Math.floor(status / 100)}`;
    const known = seen.get(key);
    if (known) known.count++;
    else seen.set(key, { method: kind, status: `${Math.floor(status / 100)}xx`, count: 1 });
    if (cutOff) hungUp++;
    if (operation === undefined) return;
    const outcome = problem ?? (status === 499 ? 'hung-up' : 'ok');
    if (isCommand.has(operation)) {
      command.all.inc({ command: operation, outcome });
      command.seconds.observe({ command: operation }, ms / 1000);
    } else if (isQuery.has(operation)) {
      query.all.inc({ query: operation, outcome });
      query.seconds.observe({ query: operation }, ms / 1000);
    }
  };
  const batchObserver: BatchObserver = (outcomes) => {
    let items = 0;
    for (const [name, byOutcome] of outcomes) {
      for (const [outcome, count] of byOutcome) {
        command.all.inc({ command: name, outcome }, count);
        items += count;
      }
    }
    batchItems.observe(items);
  };
  return { observer, batchObserver };
}

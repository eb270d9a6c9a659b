import type { AppendObserver } from '#platform/event-store/appender.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { Tracing } from '#platform/observability/tracing.js';
import type { WriteObserver } from '#platform/projections/running/group-members.js';

/** A span for each append of a command that is recorded. */
export const traceAppends =
  (tracing: Tracing): AppendObserver =>
  ({ requests, ms, failed }) => {
    const of = requests.map(({ events }) => events[0]?.meta.traceparent);
    tracing.did('append', of, { ms, failed, attributes: { 'yad.commands': requests.length } });
  };

/** Likewise for the send that had its events in it. */
export const tracePublishing =
  (tracing: Tracing, topic: string) =>
  (events: readonly StoredEvent[], ms: number): void => {
    const of = events.map(({ meta }) => meta.traceparent);
    const attributes = {
      'messaging.system': 'kafka',
      'messaging.destination.name': topic,
      'messaging.batch.message_count': events.length,
    };
    tracing.did('publish', of, { ms, attributes, kind: 'producer' });
  };

/** Likewise for the write of the read models. */
export const traceWrites =
  (tracing: Tracing): WriteObserver =>
  ({ events, ms }) => {
    const of = events.map(({ event }) => event.meta.traceparent);
    tracing.did('project', of, { ms, attributes: { 'yad.events': events.length }, kind: 'consumer' });
  };

/** Tells all of them. */
export const each =
  <T>(...observers: (((told: T) => void) | undefined | false)[]): ((told: T) => void) =>
  (told) => {
    for (const observe of observers) if (observe) observe(told);
  };

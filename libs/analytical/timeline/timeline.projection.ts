import { eventContracts } from '#contracts/index.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { projection } from '#platform/projections/definition/projection.js';
import { TimelineEntry } from './timeline.table.js';

/** By type of event: the fields that its contract has on the timeline, and how. */
const shownOf = new Map(
  eventContracts.map(({ type, fields }) => [
    type,
    Object.entries(fields).flatMap(([name, { timeline: how }]) => (how ? [{ name, how }] : [])),
  ]),
);

/** What an entry repeats of its event; nothing of a type that this build does not know. */
function summaryOf({ subject, type, data }: RecordedEvent): Record<string, unknown> {
  const summary: Record<string, unknown> = {};
  for (const { name, how } of shownOf.get(type) ?? []) {
    const value = data[name];
    if (value === undefined || (how === 'unless-subject' && value === subject)) continue;
    summary[name] = how === 'counted' ? value.length : value;
  }
  return summary;
}

/** Everything that happened, one entry an event. Which fields an entry shows is said in the event's contract. */
export const timeline = projection({
  name: 'timeline',
  version: 1,
  tables: [TimelineEntry],
  appendOnly: [TimelineEntry],
  on: [],
  any: (event) => {
    const { subject, position, occurredAt, type, aggregate, aggregateId } = event;
    const key = { subject, occurred_at: occurredAt, position };
    // A spread before many properties makes V8 build the object slowly; so keys come last, here and in other folds.
    return TimelineEntry.append(key, { type, aggregate, aggregate_id: aggregateId, summary: summaryOf(event), ...key });
  },
});

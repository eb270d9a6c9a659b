import { dayOf } from '#platform/kernel/calendar.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { append, change, projection, type RowChange } from '#platform/projections/definition/projection.js';
import { Alias } from './alias.table.js';
import { CaseRow } from './case.table.js';
import { caseHandlers } from './cases.projection.js';
import { Customer, CustomerActivity, CustomerRelation } from './customer.table.js';
import { profileHandlers } from './profile.projection.js';
import { salesHandlers } from './sales.projection.js';
import { CustomerSales, OrderRow, ReturnRow } from './sales.table.js';
import { TimelineEntry } from './timeline.table.js';

/**
 * Fields that a timeline's entry repeats of its event, where it has them: short, and open in every contract (a
 * spec holds them against the privacy catalogue, as erasing a subject must not leave its words here).
 */
export const summaryFields: ReadonlySet<string> = new Set([
  'number',
  'currency',
  'net',
  'amount',
  'value',
  'refundDue',
  'movedBack',
  'paidBack',
  'moved',
  'credited',
  'outstanding',
  'overpaid',
  'order',
  'return',
  'replacement',
  'invoice',
  'kind',
  'status',
  'stage',
  'reason',
  'outcome',
  'method',
  'complete',
  'channel',
  'via',
  'salesperson',
  'queue',
  'assignee',
  'priority',
  'category',
  'level',
  'resolution',
  'score',
  'until',
  'article',
  'reopened',
  'into',
  'from',
  'merged',
  'unmerged',
  'other',
  'direction',
  'pointKind',
  'system',
  'added',
  'removed',
  'owner',
]);

function summaryOf({ subject, data }: RecordedEvent): Record<string, unknown> {
  const summary: Record<string, unknown> = {};
  for (const field of Object.keys(data)) if (summaryFields.has(field)) summary[field] = data[field];
  // A count where the event has the lines or their number.
  if (data.lines !== undefined) summary['lines'] = Array.isArray(data.lines) ? data.lines.length : data.lines;
  // Nearly every event names its contact, which is the subject; only an attached order's says more.
  if (data.contact !== undefined && data.contact !== subject) summary['contact'] = data.contact;
  return summary;
}

// A spread before many properties makes V8 build the object slowly; so keys come last here and in the other folds.
/** Every event is on the timeline, and is a sign of life of its subject. */
function seen(event: RecordedEvent): RowChange[] {
  const { subject, position, occurredAt, type, stream } = event;
  const key = { subject, occurred_at: occurredAt, position };
  return [
    append(TimelineEntry, key, { type, stream, summary: summaryOf(event), ...key }),
    change(CustomerActivity, { subject }, (row) => {
      if (row && occurredAt <= row.last_event_at) {
        // History may be imported after the customer was registered.
        return occurredAt < row.first_seen_at ? { ...row, first_seen_at: occurredAt } : row;
      }
      const first_seen_at = row?.first_seen_at ?? occurredAt;
      return { subject, first_seen_at, last_event_at: occurredAt, last_event_on: dayOf(occurredAt, 'UTC') };
    }),
  ];
}

/** Everything that is known of a customer, under the subject that it happened to. */
export const customer360 = projection({
  name: 'customer-360',
  version: 4,
  tables: [
    Customer,
    CustomerActivity,
    CustomerRelation,
    Alias,
    CustomerSales,
    OrderRow,
    ReturnRow,
    CaseRow,
    TimelineEntry,
  ],
  appendOnly: [TimelineEntry],
  on: [...profileHandlers, ...salesHandlers, ...caseHandlers],
  any: seen,
});

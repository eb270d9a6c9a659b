import * as service from '#contracts/service/case.events.js';
import type { CaseStatus } from '#contracts/service/case.events.js';
import type { DomainEvent, EventContract } from '#platform/kernel/event-contract.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { on, projection, type EventHandler } from '#platform/projections/definition/projection.js';
import { CaseRow } from './case.table.js';

type About = Omit<Parameters<typeof service.caseClassified>[0], 'previousKind' | 'previousCategory'>;

const finished: readonly CaseStatus[] = ['resolved', 'closed', 'rejected', 'duplicate'];

/** Every event of a case says all that a list of cases shows; `more` adds what only this one says. */
function ofCase<Data extends About>(
  contract: EventContract<Data> & ((data: Data) => DomainEvent<Data>),
  more: (event: RecordedEvent<Data>, row: CaseRow | undefined) => Partial<CaseRow> = () => ({}),
): EventHandler {
  return on(contract, (event) => {
    const { subject, aggregateId, occurredAt, data } = event;
    const key = { subject, id: aggregateId };
    return CaseRow.change(key, (row) => ({
      number: data.number ?? null,
      contact: data.contact ?? null,
      kind: data.kind,
      category: data.category ?? null,
      channel: data.channel,
      priority: data.priority,
      queue: data.queue ?? null,
      assignee: data.assignee ?? null,
      status: data.status,
      is_open: !finished.includes(data.status),
      opened_at: new Date(data.openedAt),
      last_event_at: row && row.last_event_at > occurredAt ? row.last_event_at : occurredAt,
      title: row?.title ?? '',
      first_responded_at: row?.first_responded_at ?? null,
      resolved_at: row?.resolved_at ?? null,
      closed_at: row?.closed_at ?? null,
      resolution: row?.resolution ?? null,
      reopenings: row?.reopenings ?? 0,
      escalation_level: row?.escalation_level ?? 0,
      satisfaction: row?.satisfaction ?? null,
      merged_into: row?.merged_into ?? null,
      ...key,
      ...more(event, row),
    }));
  });
}

/** Cases as they stand, one row each. */
export const cases = projection({
  name: 'cases',
  version: 3,
  tables: [CaseRow],
  on: [
    ofCase(service.caseOpened, ({ data }) => ({ title: data.title })),
    ofCase(service.caseClassified),
    ofCase(service.caseAssigned),
    ofCase(service.caseTransferred),
    ofCase(service.casePriorityChanged),
    ofCase(service.caseRepliedToCustomer),
    ofCase(service.caseFirstResponseRecorded, ({ occurredAt }) => ({ first_responded_at: occurredAt })),
    ofCase(service.caseCustomerReplied),
    ofCase(service.caseInternalNoteAdded),
    ofCase(service.caseCustomerAwaited),
    ofCase(service.caseCustomerReminded),
    ofCase(service.caseThirdPartyAwaited),
    ofCase(service.caseSnoozed),
    ofCase(service.caseResumed),
    ofCase(service.caseEscalated, ({ data }) => ({ escalation_level: data.level })),
    ofCase(service.caseResolved, ({ occurredAt, data }) => ({
      resolved_at: occurredAt,
      resolution: data.resolution,
      reopenings: data.reopenings,
    })),
    ofCase(service.caseClosed, ({ occurredAt, data }) => ({
      resolved_at: new Date(data.resolvedAt),
      closed_at: occurredAt,
      resolution: data.resolution,
      reopenings: data.reopenings,
    })),
    ofCase(service.caseReopened, ({ data }) => ({
      resolved_at: null,
      closed_at: null,
      resolution: null,
      merged_into: null,
      reopenings: data.reopenings,
    })),
    ofCase(service.caseRejected, ({ occurredAt }) => ({ closed_at: occurredAt })),
    ofCase(service.caseMerged, ({ data }) => ({ merged_into: data.into })),
    ofCase(service.caseDuplicateMerged),
    ofCase(service.caseMergeUndone),
    ofCase(service.caseArticleLinked),
    ofCase(service.caseSatisfactionRecorded, ({ data }) => ({ satisfaction: data.score })),
  ],
});

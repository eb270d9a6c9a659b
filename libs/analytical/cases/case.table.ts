import { z } from 'zod';
import { CaseChannel, CaseKind, CasePriority, CaseStatus } from '#contracts/service/case.events.js';
import {
  boolean,
  count,
  instant,
  integer,
  personalText,
  text,
  uuid,
} from '#platform/projections/definition/columns.js';
import { table, type RowOf } from '#platform/projections/definition/table.js';
import { listIndexes } from '../documents.js';

export const CaseRow = table('cases', {
  about: 'A case as it stands after its last event',
  columns: {
    id: uuid().key(),
    number: text().nullable(),
    contact: uuid().nullable(),
    title: personalText(),
    kind: text(CaseKind),
    category: text().nullable(),
    channel: text(CaseChannel),
    priority: text(CasePriority),
    queue: text().nullable(),
    assignee: text().nullable(),
    status: text(CaseStatus),
    is_open: boolean().as('open').describe('Not resolved, closed, rejected or a duplicate'),
    opened_at: instant(),
    first_responded_at: instant().nullable(),
    resolved_at: instant().nullable().describe('Of the last resolution; null again when the case is reopened'),
    closed_at: instant().nullable(),
    resolution: text().nullable(),
    reopenings: count(),
    escalation_level: count().describe('0: never escalated'),
    satisfaction: integer(z.int().min(1).max(5)).nullable(),
    merged_into: uuid().nullable().describe('The case that this one is a duplicate of'),
    last_event_at: instant(),
  },
  indexes: listIndexes('opened_at', ['number', 'status', 'is_open', 'kind', 'queue', 'assignee', 'priority']),
});
export type CaseRow = RowOf<typeof CaseRow>;

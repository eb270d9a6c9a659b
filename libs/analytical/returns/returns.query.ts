import { z } from 'zod';
import { Day, Instant } from '#platform/kernel/calendar.js';
import { Id } from '#platform/kernel/ids.js';
import { CurrencyCode, ExactDecimal } from '#platform/kernel/money.js';
import { pagedQuery } from '#platform/projections/definition/query.js';
import { aliases } from '../aliases/aliases.projection.js';
import { profile } from '../profile/profile.projection.js';
import { instants, limit } from '../query-parameters.js';
import { returns } from './returns.projection.js';
import { contact, customer, customerName, documentsPage, text, type Documents } from '../documents.js';

const reads = [returns, profile, aliases] as const;
const count = z.int().min(0);
const ReturnStatuses = z.enum([
  'requested',
  'authorised',
  'denied',
  'received',
  'inspected',
  'refunded',
  'exchanged',
  'closed',
] as [string, ...string[]]);

export const ReturnView = z
  .object({
    id: Id,
    number: z.string().nullable(),
    status: ReturnStatuses,
    contact: Id.nullable(),
    customer,
    customerName,
    order: Id.nullable(),
    replacement: Id.nullable(),
    currency: CurrencyCode,
    value: ExactDecimal.describe('Asked back'),
    refunded: ExactDecimal.describe('Paid back'),
    credited: ExactDecimal.describe('Refunded by taking it off what was due for the order, as no more was paid'),
    lines: count,
    salesperson: z.string().nullable(),
    zone: z.string(),
    requestedAt: Instant,
    requestedOn: Day,
    refundedAt: Instant.nullable(),
    refundedOn: Day.nullable(),
    closedAt: Instant.nullable(),
  })
  .meta({ id: 'ReturnView' });

const documents: Documents = {
  table: 'returns',
  time: 'requested_at',
  columns: {
    id: 'd.id',
    number: 'd.number',
    status: 'd.status',
    contact: 'd.contact',
    order: 'd.order_id',
    replacement: 'd.replacement',
    currency: 'd.currency',
    value: 'trim_scale(d.value)::text',
    refunded: 'trim_scale(d.refunded)::text',
    credited: 'trim_scale(d.credited)::text',
    lines: 'd.lines',
    salesperson: 'd.salesperson',
    zone: 'd.zone',
    requestedAt: 'd.requested_at',
    requestedOn: 'd.requested_on',
    refundedAt: 'd.refunded_at',
    refundedOn: 'd.refunded_on',
    closedAt: 'd.closed_at',
  },
};

export const listReturns = pagedQuery({
  name: 'Returns',
  summary: 'Returns and credit notes, the newest first',
  route: 'GET /v1/returns',
  parameters: z.strictObject({
    contact,
    order: Id.optional(),
    status: ReturnStatuses.optional(),
    currency: CurrencyCode.optional(),
    number: text,
    ...instants,
    limit,
  }),
  item: ReturnView,
  reads,
  run: ({ order, status, currency, number, ...asked }, { read, after }) =>
    documentsPage<z.infer<typeof ReturnView>>(
      read,
      documents,
      { order_id: order, status, currency, number },
      asked,
      after,
    ),
});

import { z } from 'zod';
import { Id } from '#platform/kernel/ids.js';
import { CurrencyCode } from '#platform/kernel/money.js';
import { pagedQuery } from '#platform/projections/definition/query.js';
import { aliases } from '../aliases/aliases.projection.js';
import { subjectsAbout } from '../aliases/family.js';
import { profile } from '../profile/profile.projection.js';
import { instants, limit } from '../query-parameters.js';
import { ReturnRow, ReturnStatus } from './return.table.js';
import { returns } from './returns.projection.js';
import { contact, customer, customerName, documentsPage, text, type Documents } from '../documents.js';

export const ReturnView = z.object({ ...ReturnRow.fields, customer, customerName }).meta({ id: 'ReturnView' });

const documents: Documents = { table: ReturnRow, time: 'requested_at' };

export const listReturns = pagedQuery({
  name: 'Returns',
  summary: 'Returns and credit notes, the newest first',
  route: 'GET /v1/returns',
  parameters: z.strictObject({
    contact,
    order: Id.optional(),
    status: ReturnStatus.optional(),
    currency: CurrencyCode.optional(),
    number: text,
    ...instants,
    limit,
  }),
  item: ReturnView,
  reads: [returns, profile, aliases],
  about: ({ contact }, read) => (contact === undefined ? undefined : subjectsAbout(read, contact)),
  run: (parameters, { read, after }) => documentsPage<z.infer<typeof ReturnView>>(read, documents, parameters, after),
});

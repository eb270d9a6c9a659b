import { z } from 'zod';
import { instant, text, uuid } from '#platform/projections/definition/columns.js';
import { table, type RowOf } from '#platform/projections/definition/table.js';

export const Alias = table('alias', {
  about:
    "Whose facts a subject's facts are: a merged contact's are its survivor's, a walk-in order's those of the contact " +
    'that it was attached to. Facts never move, so taking the alias away gives the figures of both back',
  columns: {
    target: uuid(),
    reason: text(z.enum(['merged', 'attached'])),
    since: instant(),
  },
  indexes: [['target']],
});
export type Alias = RowOf<typeof Alias>;

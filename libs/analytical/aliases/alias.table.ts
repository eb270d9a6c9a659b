import { z } from 'zod';
import { bigint, instant, text, uuid } from '#platform/projections/definition/columns.js';
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

export const AliasChange = table('alias_changes', {
  about: 'Whose facts were ever told to be, or no longer to be, those of another; also where the alias is gone',
  columns: { changed_at: bigint().describe('Position of the last event that changed the alias') },
  indexes: [['changed_at']],
});

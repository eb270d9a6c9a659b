import { z } from 'zod';
import { Instant } from '#platform/kernel/calendar.js';
import { Id } from '#platform/kernel/ids.js';
import { bigint, instant, json, text, uuid } from '#platform/projections/definition/columns.js';
import { derivedTable, table, type RowOf } from '#platform/projections/definition/table.js';

const Reason = z.enum(['merged', 'attached']);

/** A time that an alias stood, in a document. */
const Stood = z.object({
  target: Id,
  reason: Reason,
  since: Instant,
  setAt: z.string(),
  undoneAt: z.string().nullable(),
});
export type Stood = z.infer<typeof Stood>;

export const AliasChange = table('alias_changes', {
  about: 'Whose facts were ever told to be, or no longer to be, those of another; also where the alias is gone',
  columns: {
    changed_at: bigint().describe('Position of the last event that changed the alias'),
    past: json(z.array(Stood)).describe('Each time that an alias stood, the last one last: rows of alias_history'),
  },
  indexes: [['changed_at']],
});
export type AliasChange = RowOf<typeof AliasChange>;

export const AliasHistory = derivedTable('alias_history', {
  about: 'Each time that an alias stood: what the aliases were at any position',
  from: AliasChange,
  columns: {
    set_at: bigint().key().describe('Position of the event that set it'),
    target: uuid(),
    reason: text(Reason),
    since: instant(),
    undone_at: bigint().nullable().describe('Position of the event that ended it; null while it stands'),
  },
  // By position, for points at which partitions were apart.
  indexes: [['target'], ['set_at'], ['undone_at']],
  rows: ({ past }) =>
    past.map(({ target, reason, since, setAt, undoneAt }) => ({
      set_at: BigInt(setAt),
      target,
      reason,
      since: new Date(since),
      undone_at: undoneAt === null ? null : BigInt(undoneAt),
    })),
});

export const Alias = table('alias', {
  about:
    "Whose facts a subject's facts are: a merged contact's are its survivor's, a walk-in order's those of the contact " +
    'that it was attached to. Facts never move, so taking the alias away gives the figures of both back',
  columns: {
    target: uuid(),
    reason: text(Reason),
    since: instant(),
  },
  indexes: [['target']],
  history: { table: AliasHistory, since: 'set_at', until: 'undone_at' },
});
export type Alias = RowOf<typeof Alias>;

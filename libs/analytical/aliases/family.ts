import { NotFound } from '#platform/kernel/errors.js';
import type { ReadModels } from '#platform/projections/definition/query.js';

/**
 * SQL for `with recursive`: `aliased (subject, root)`, one row for each subject whose facts are another's, with the
 * customer at the end of the chain. Walked from the ends, each alias once; a cycle of aliases (two merges seen in
 * the wrong order by partitions that run apart) has no end and so stays out until the undoing arrives.
 */
export const aliased = `aliased (subject, root) as (
  select a.subject, a.target from alias a where not exists (select from alias up where up.subject = a.target)
  union all
  select a.subject, b.root from alias a join aliased b on b.subject = a.target)`;

/** SQL for `with recursive`: `aliased` of the subjects that a statement gives, each walked up by itself. */
export const aliasedOf = (subjects: string): string => `up (subject, target) as (
  select s.subject, a.target from (${subjects}) s cross join ${aliasOf('s.subject')}
  union
  select up.subject, a.target from up cross join ${aliasOf('up.target')}),
aliased (subject, root) as (
  select subject, target from up where not exists (select from alias where alias.subject = up.target))`;

// Looked up one by one ("offset 0"): as a join, the planner would hash all aliases for the few that a walk meets.
/** SQL of a step up a walk along aliases: `a.target` of a subject. */
export const aliasOf = (subject: string): string =>
  `lateral (select target from alias where subject = ${subject} offset 0) a`;

/** SQL of a step down: `a.subject` of each alias that leads to a target. */
export const aliasesTo = (target: string): string =>
  `lateral (select subject from alias where target = ${target} offset 0) a`;

/** A customer and everything whose facts are theirs. */
export interface Family {
  /** The customer asked for, or the survivor of its merges. */
  readonly id: string;
  /** The survivor, when the customer asked for was merged away. */
  readonly mergedInto?: string;
  /** The customer's own id first, then merged contacts and attached walk-in orders. */
  readonly subjects: string[];
}

// No chain of merges is longer; the bound ends a cycle, which only passes by.
export const LONGEST_CHAIN = 1000;

/**
 * SQL for `with recursive`: `root (subject)`, the survivor, and `down (subject)`, it and all whose facts are its.
 * @param start selects where the walk begins, and 0
 */
const familyFrom = (start: string): string => `up (subject, step) as (
    ${start}
    union all
    select a.target, up.step + 1 from up cross join ${aliasOf('up.subject')} where up.step < ${LONGEST_CHAIN}),
  root (subject) as (select subject from up order by step desc limit 1),
  down (subject) as (
    select subject from root
    union
    select a.subject from down cross join ${aliasesTo('down.subject')})`;

/** Resolves a contact's id. @throws NotFound when no such contact was ever registered. */
export async function familyOf(read: ReadModels, id: string): Promise<Family> {
  // Most have no part in any alias: two looks into an index, where a walk costs the server three times as much.
  const [contact] = await read.rows<{ aliased: boolean }>(
    `select exists (select from alias a where a.subject = c.subject or a.target = c.subject) as aliased
       from customers c where c.subject = $1`,
    [id],
  );
  if (contact?.aliased === false) return { id, subjects: [id] };
  const found = await read.rows<{ subject: string; root: string }>(
    `with recursive ${familyFrom('select c.subject, 0 from customers c where c.subject = $1')}
     select down.subject, root.subject as root from down, root order by down.subject <> root.subject, down.subject`,
    [id],
  );
  const [first] = found;
  if (!first) throw new NotFound(`there is no customer ${id}`);
  const { root } = first;
  return { id: root, mergedInto: root === id ? undefined : root, subjects: found.map(({ subject }) => subject) };
}

// The alias table alone is asked, which keeps its history: the customer itself may not have been there yet.
const FAMILY = familyFrom('select $1::uuid, 0');

type Aliases = Pick<ReadModels, 'rows'>;
const subjectsOf = (rows: readonly { subject: string }[]): string[] => rows.map(({ subject }) => subject);

/** Whose rows an answer about a customer is made of: its own, and those of all whose facts are its. */
export const subjectsAbout = async (read: Aliases, id: string): Promise<string[]> =>
  subjectsOf(await read.rows<{ subject: string }>(`with recursive ${FAMILY} select subject from down`, [id]));

/**
 * The same of an answer with cases, which also says where the original of a duplicate stands. That may be another
 * contact's since a merge of the two was undone, never one's of somebody with whom there was none.
 */
export const subjectsAboutCases = async (read: Aliases, id: string): Promise<string[]> =>
  subjectsOf(
    await read.rows<{ subject: string }>(
      `with recursive ${FAMILY},
       ever (subject) as (
         select subject from down
         union
         select h.subject from ever cross join lateral (
           select target as subject from alias_history where subject = ever.subject and reason = 'merged'
           union all
           select subject from alias_history where target = ever.subject and reason = 'merged') h)
       select subject from ever`,
      [id],
    ),
  );

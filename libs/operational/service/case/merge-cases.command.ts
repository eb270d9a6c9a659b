import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { caseDuplicateMerged, caseMerged } from '#contracts/service/case.events.js';
import { at, command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Contact } from '../../contacts/contact/contact.aggregate.js';
import type { ContactState } from '../../contacts/contact/contact.aggregate.js';
import { Case } from './case.aggregate.js';
import type { CaseState } from './case.aggregate.js';
import { assertOpen } from './case.rules.js';

const NO_ORIGINAL: readonly CaseState['status'][] = ['rejected', 'duplicate'];

const hint = '; merge the contacts first if they are the same, then into a case of the contact that stayed';

/**
 * True when what a customer wrote stays that customer's: the cases are of one contact, or of two of which one was merged
 * into the other. A case of nobody may turn out to be a customer's, never the other way round. Two contacts that were
 * both merged into a third do not know of each other: their cases are merged into one of the third's.
 */
function isSameCustomer(
  ours: string | undefined,
  theirs: string | undefined,
  contact: ContactState | undefined,
): boolean {
  if (ours === undefined || ours === theirs) return true;
  if (theirs === undefined || contact === undefined) return false;
  return contact.mergedInto === theirs || contact.mergedDuplicates.has(theirs);
}

/** Cases that are duplicates of one. */
export const MAX_DUPLICATES = 100_000;

export const mergeCases = command({
  name: 'MergeCases',
  summary: 'Says that the case is a duplicate of another, where it is worked on',
  on: Case,
  route: 'POST /v1/cases/:id/merge',
  input: z.strictObject({ into: Id.meta({ description: 'The case that stays' }), note: Note.optional() }),
  refs: {
    into: reference(Case, (input: { into: string }) => input.into),
    contact: reference(Contact, (_input: unknown, state: CaseState) => state.overview.contact),
  },
  decide: (state, { into, note }, { id, refs }) => {
    assertOpen(state);
    rule('another-case', into !== id, 'this is the case itself');
    const original = refs.into!.state;
    rule('original-exists', original.status !== 'none', `there is no case ${into}`);
    rule('original-stands', !NO_ORIGINAL.includes(original.status), `case ${into} is ${original.status}`);
    const theirs = original.overview.contact;
    const alike = isSameCustomer(state.overview.contact, theirs, refs.contact?.state);
    rule(
      'same-customer',
      alike,
      `case ${into} ${theirs === undefined ? 'has no customer' : `is of another customer${hint}`}`,
    );
    const room = original.mergedDuplicates.size < MAX_DUPLICATES;
    rule('duplicates-within-limit', room, `a case has at most ${MAX_DUPLICATES} duplicates`);
    // An event for each stream: of two racing merges of each other's case the second is decided anew.
    return [
      caseMerged({ ...state.overview, status: 'duplicate', into, previousStatus: state.overview.status, note }),
      at('into', caseDuplicateMerged({ ...original.overview, merged: id })),
    ];
  },
});

import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { caseAbsorbed, caseMerged } from '#contracts/service/case.events.js';
import { at, command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Case } from './case.aggregate.js';
import type { CaseState } from './case.aggregate.js';
import { isOpen } from './case.rules.js';

const NO_ORIGINAL: readonly CaseState['status'][] = ['rejected', 'duplicate'];

export const mergeCases = command({
  name: 'MergeCases',
  summary: 'Says that the case is a duplicate of another, where it is worked on',
  on: Case,
  route: 'POST /v1/cases/:id/merge',
  allowed: ['service', 'admin'],
  input: z.strictObject({ into: Id.meta({ description: 'The case that stays' }), note: Note.optional() }),
  refs: { into: reference(Case, (input: { into: string }) => input.into) },
  decide: (state, { into, note }, { id, refs }) => {
    isOpen(state);
    rule('another-case', into !== id, 'this is the case itself');
    const original = refs.into!.state;
    rule('original-exists', original.status !== 'none', `there is no case ${into}`);
    rule('original-stands', !NO_ORIGINAL.includes(original.status), `case ${into} is ${original.status}`);
    // An event for each stream: of two racing merges of each other's case the second is decided anew.
    return [
      caseMerged({ ...state.overview, status: 'duplicate', into, previousStatus: state.overview.status, note }),
      at('into', caseAbsorbed({ ...original.overview, merged: id })),
    ];
  },
});

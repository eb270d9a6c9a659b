import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { caseResumed } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Case } from './case.aggregate.js';
import { assertAssigned, isWaiting } from './case.rules.js';

export const resumeCase = command({
  name: 'ResumeCase',
  summary: 'Work on a case that waited or was snoozed goes on',
  on: Case,
  route: 'POST /v1/cases/:id/resume',
  input: z.strictObject({ note: Note.optional() }),
  decide: (state, { note }) => {
    assertAssigned(state);
    if (state.status === 'in-progress') return;
    rule('case-is-waiting', isWaiting(state.status), `the case is ${state.status}`);
    return caseResumed({ ...state.overview, status: 'in-progress', previousStatus: state.overview.status, note });
  },
});

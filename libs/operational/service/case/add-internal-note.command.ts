import { z } from 'zod';
import { CaseText, caseInternalNoteAdded } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { Case } from './case.aggregate.js';
import { assertExists } from './case.rules.js';

export const addInternalNote = command({
  name: 'AddInternalNote',
  summary: 'Adds a note for colleagues, whatever the status of the case',
  on: Case,
  route: 'POST /v1/cases/:id/notes',
  input: z.strictObject({ text: CaseText }),
  decide: (state, { text }) => {
    assertExists(state);
    return caseInternalNoteAdded({ ...state.overview, text });
  },
});

import { z } from 'zod';
import { Note, words } from '#contracts/terms.js';
import { caseThirdPartyAwaited } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { Case } from './case.aggregate.js';
import { assertAssigned } from './case.rules.js';

export const awaitThirdParty = command({
  name: 'AwaitThirdParty',
  summary: 'The case waits for somebody who is neither the customer nor us: a carrier, a manufacturer',
  on: Case,
  route: 'POST /v1/cases/:id/await-third-party',
  input: z.strictObject({ party: words(200), note: Note.optional() }),
  decide: (state, { party, note }) => {
    assertAssigned(state);
    if (state.status === 'pending-third-party' && state.party === party) return;
    return caseThirdPartyAwaited({ ...state.overview, status: 'pending-third-party', party, note });
  },
});

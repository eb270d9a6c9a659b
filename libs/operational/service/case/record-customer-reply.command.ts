import { z } from 'zod';
import { CaseChannel, CaseText, caseCustomerReplied, caseReopened } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Case } from './case.aggregate.js';
import { assertExists, assertOpen } from './case.rules.js';

export const recordCustomerReply = command({
  name: 'RecordCustomerReply',
  summary:
    'Records what the customer wrote or said; it wakes a case that waits for it, reopens a resolved one, and stays with a merged one',
  on: Case,
  route: 'POST /v1/cases/:id/customer-replies',
  input: z.strictObject({
    text: CaseText,
    via: CaseChannel.optional().meta({ description: 'Else the channel that the case came by' }),
  }),
  decide: (state, { text, via = state.overview.channel }) => {
    assertExists(state);
    const { overview } = state;
    if (state.status === 'resolved') {
      return [
        caseCustomerReplied({ ...overview, via, text }),
        caseReopened({
          ...overview,
          status: 'in-progress',
          previousStatus: overview.status,
          reason: 'customer-replied',
          reopenings: state.reopenings + 1,
        }),
      ];
    }
    // Recorded where it arrived, whatever happens to the text then: nobody but the customer can say it again.
    if (state.status === 'duplicate') return caseCustomerReplied({ ...overview, via, text });
    rule('case-not-closed', state.status !== 'closed', 'the case is closed; reopen it or open a new one');
    assertOpen(state);
    const woken = overview.status === 'pending-customer' || overview.status === 'snoozed';
    const status = woken ? ('in-progress' as const) : overview.status;
    return caseCustomerReplied({ ...overview, status, via, text });
  },
});

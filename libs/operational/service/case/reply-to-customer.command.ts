import { z } from 'zod';
import {
  CaseChannel,
  CaseText,
  caseFirstResponseRecorded,
  caseRepliedToCustomer,
} from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { Case } from './case.aggregate.js';
import { assertAssigned } from './case.rules.js';

export const replyToCustomer = command({
  name: 'ReplyToCustomer',
  summary: 'Records an answer to the customer; the first one is the first response',
  on: Case,
  route: 'POST /v1/cases/:id/replies',
  input: z.strictObject({
    text: CaseText,
    via: CaseChannel.optional().meta({ description: 'Else the channel that the case came by' }),
  }),
  decide: (state, { text, via = state.overview.channel }) => {
    assertAssigned(state);
    const status = state.overview.status === 'assigned' ? ('in-progress' as const) : state.overview.status;
    const overview = { ...state.overview, status };
    const replied = caseRepliedToCustomer({ ...overview, via, text });
    return state.firstRespondedAt === undefined ? [replied, caseFirstResponseRecorded({ ...overview, via })] : replied;
  },
});

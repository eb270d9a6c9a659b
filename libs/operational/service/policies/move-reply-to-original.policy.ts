import { caseCustomerReplied } from '#contracts/service/case.events.js';
import { readable } from '#platform/kernel/erased.js';
import { policy } from '#platform/kernel/policy.js';
import { Case } from '../case/case.aggregate.js';
import { recordCustomerReply } from '../case/record-customer-reply.command.js';

export const moveReplyToOriginal = policy({
  name: 'move-reply-to-original',
  version: 1,
  about: 'What a customer answers to a case that was merged is recorded, too, in the one that it was merged into',
  on: caseCustomerReplied,
  when: ({ data }) => data.status === 'duplicate',
  reads: Case,
  send: ({ data: { via, text } }, { aggregate: { duplicateOf } }) => {
    const words = readable(text);
    // Erased before it could go on: there is nothing to say any more.
    return duplicateOf === undefined || words === undefined
      ? undefined
      : recordCustomerReply.for(duplicateOf, { via, text: words });
  },
});

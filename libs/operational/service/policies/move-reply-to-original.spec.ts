import { describe, it } from '@jest/globals';
import { caseCustomerReplied } from '#contracts/service/case.events.js';
import { erased } from '#platform/kernel/erased.js';
import { as, fresh, inProgress, merged, opened, otherId } from '#test/fixtures/cases.fixture.js';
import { specifyPolicy } from '#test/fixtures/specify-policy.js';
import { recordCustomerReply } from '../case/record-customer-reply.command.js';
import { moveReplyToOriginal } from './move-reply-to-original.policy.js';

const answer = { ...fresh, status: 'duplicate' as const, via: 'chat' as const, text: 'It still leaks' };

describe('move-reply-to-original', () => {
  it('records a reply to a merged case in the one that it was merged into', () => {
    specifyPolicy(moveReplyToOriginal)
      .given(opened, merged)
      .when(caseCustomerReplied(answer))
      .sends(recordCustomerReply.for(otherId, { via: 'chat', text: 'It still leaks' }));
  });
  it('leaves a reply where it belongs', () => {
    specifyPolicy(moveReplyToOriginal)
      .given(...inProgress)
      .when(caseCustomerReplied({ ...as('in-progress'), via: 'email', text: 'Thanks' }))
      .sendsNothing();
  });
  it('has nothing to say of one that was erased meanwhile', () => {
    specifyPolicy(moveReplyToOriginal)
      .given(opened, merged)
      .when(caseCustomerReplied({ ...answer, text: erased }))
      .sendsNothing();
  });
});

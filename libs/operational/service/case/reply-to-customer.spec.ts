import { describe, it } from '@jest/globals';
import { caseRepliedToCustomer } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import {
  as,
  assigned,
  awaiting,
  done,
  firstResponse,
  inProgress,
  opened,
  replied,
} from '#test/fixtures/cases.fixture.js';
import { replyToCustomer } from './reply-to-customer.command.js';

const when = { text: 'We look into it' };

describe('ReplyToCustomer', () => {
  it('takes the case up, and records the first response once', () => {
    specify(replyToCustomer).given(opened, assigned).when(when).then(replied, firstResponse);
    specify(replyToCustomer)
      .given(...inProgress)
      .when({ text: 'A new one is on its way', via: 'phone' })
      .then(caseRepliedToCustomer({ ...as('in-progress'), via: 'phone', text: 'A new one is on its way' }));
  });
  it('leaves a case that waits waiting', () =>
    specify(replyToCustomer)
      .given(...inProgress, awaiting)
      .when(when)
      .then(caseRepliedToCustomer({ ...as('pending-customer'), via: 'email', text: 'We look into it' })));
  it('refuses a case that nobody works on, and one that is not open', () => {
    specify(replyToCustomer).when(when).refused('case-exists');
    specify(replyToCustomer).given(opened).when(when).refused('case-is-assigned');
    for (const past of done)
      specify(replyToCustomer)
        .given(...past)
        .when(when)
        .refused('case-is-open');
    specify(replyToCustomer).given(opened, assigned).when({ text: '' }).invalid('/text');
  });
});

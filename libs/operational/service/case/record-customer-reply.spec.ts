import { describe, it } from '@jest/globals';
import { caseCustomerReplied, caseReopened } from '#contracts/service/case.events.js';
import type { CaseStatus } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import {
  as,
  awaiting,
  closed,
  fresh,
  inProgress,
  merged,
  opened,
  rejected,
  resolved,
  snoozed,
  thirdParty,
} from '#test/fixtures/cases.fixture.js';
import { recordCustomerReply } from './record-customer-reply.command.js';

const when = { text: 'It still leaks' };
const heard = (status: CaseStatus) => caseCustomerReplied({ ...as(status), via: 'email', text: 'It still leaks' });

describe('RecordCustomerReply', () => {
  it('wakes a case that waits for the customer or is snoozed, and no other', () => {
    specify(recordCustomerReply)
      .given(...inProgress, awaiting)
      .when(when)
      .then(heard('in-progress'));
    specify(recordCustomerReply)
      .given(...inProgress, snoozed)
      .when(when)
      .then(heard('in-progress'));
    specify(recordCustomerReply)
      .given(...inProgress, thirdParty)
      .when(when)
      .then(heard('pending-third-party'));
    specify(recordCustomerReply)
      .given(opened)
      .when({ ...when, via: 'phone' })
      .then(caseCustomerReplied({ ...fresh, via: 'phone', text: 'It still leaks' }));
  });
  it('reopens a resolved case', () =>
    specify(recordCustomerReply)
      .given(...inProgress, resolved)
      .when(when)
      .then(
        heard('resolved'),
        caseReopened({
          ...as('in-progress'),
          previousStatus: 'resolved',
          reason: 'customer-replied',
          reopenings: 1,
        }),
      ));
  it('keeps what the customer answers to a merged case there, and leaves the case merged', () =>
    specify(recordCustomerReply)
      .given(opened, merged)
      .when(when)
      .then(caseCustomerReplied({ ...fresh, status: 'duplicate', via: 'email', text: 'It still leaks' })));
  it('refuses what is over', () => {
    specify(recordCustomerReply).when(when).refused('case-exists');
    specify(recordCustomerReply)
      .given(...inProgress, resolved, closed)
      .when(when)
      .refused('case-not-closed');
    specify(recordCustomerReply).given(opened, rejected).when(when).refused('case-is-open');
  });
});

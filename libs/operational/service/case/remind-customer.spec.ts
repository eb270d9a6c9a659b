import { describe, it } from '@jest/globals';
import { caseCustomerReminded } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { as, assigned, awaiting, done, inProgress, opened, snoozed, thirdParty } from '#test/fixtures/cases.fixture.js';
import { remindCustomer } from './remind-customer.command.js';

describe('RemindCustomer', () => {
  it('reminds whom the case waits for, as often as it is said', () => {
    const reminded = caseCustomerReminded(as('pending-customer'));
    for (const past of [[awaiting], [awaiting, reminded]]) {
      specify(remindCustomer)
        .given(...inProgress, ...past)
        .when({ note: 'Second letter' })
        .then(caseCustomerReminded({ ...as('pending-customer'), note: 'Second letter' }));
    }
  });
  it('refuses a case that does not wait for its customer', () => {
    specify(remindCustomer).when({}).refused('case-exists');
    specify(remindCustomer).given(opened).when({}).refused('case-is-assigned');
    for (const past of [
      [opened, assigned],
      [...inProgress, snoozed],
      [...inProgress, thirdParty],
    ]) {
      specify(remindCustomer)
        .given(...past)
        .when({})
        .refused('customer-is-awaited');
    }
    for (const past of done)
      specify(remindCustomer)
        .given(...past)
        .when({})
        .refused('case-is-open');
  });
});

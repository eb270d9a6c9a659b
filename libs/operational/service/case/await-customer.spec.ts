import { describe, it } from '@jest/globals';
import { specify } from '#test/fixtures/specify.js';
import { awaitCustomer } from './await-customer.command.js';
import { assigned, awaiting, done, inProgress, opened, snoozed, thirdParty } from '#test/fixtures/cases.fixture.js';

describe('AwaitCustomer', () => {
  it('waits, from wherever the work stands', () => {
    for (const past of [[opened, assigned], inProgress, [...inProgress, snoozed], [...inProgress, thirdParty]]) {
      specify(awaitCustomer)
        .given(...past)
        .when({})
        .then(awaiting);
    }
  });
  it('decides nothing while it waits', () =>
    specify(awaitCustomer)
      .given(...inProgress, awaiting)
      .when({})
      .nothing());
  it('refuses a case that nobody works on, and one that is not open', () => {
    specify(awaitCustomer).when({}).refused('case-exists');
    specify(awaitCustomer).given(opened).when({}).refused('case-is-assigned');
    for (const past of done)
      specify(awaitCustomer)
        .given(...past)
        .when({})
        .refused('case-is-open');
  });
});

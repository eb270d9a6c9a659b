import { describe, it } from '@jest/globals';
import { caseThirdPartyAwaited } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { awaitThirdParty } from './await-third-party.command.js';
import { as, awaiting, done, inProgress, opened, thirdParty } from '#test/fixtures/cases.fixture.js';

const potter = { party: 'The potter' };

describe('AwaitThirdParty', () => {
  it('waits for somebody else', () => {
    specify(awaitThirdParty)
      .given(...inProgress)
      .when(potter)
      .then(thirdParty);
    specify(awaitThirdParty)
      .given(...inProgress, awaiting)
      .when(potter)
      .then(thirdParty);
    specify(awaitThirdParty)
      .given(...inProgress, thirdParty)
      .when({ party: 'The carrier' })
      .then(caseThirdPartyAwaited({ ...as('pending-third-party'), party: 'The carrier' }));
  });
  it('decides nothing while it waits for the same one', () =>
    specify(awaitThirdParty)
      .given(...inProgress, thirdParty)
      .when(potter)
      .nothing());
  it('knows that a wait is over once the case went on', () =>
    specify(awaitThirdParty)
      .given(...inProgress, thirdParty, awaiting)
      .when(potter)
      .then(thirdParty));
  it('refuses a case that nobody works on, and one that is not open', () => {
    specify(awaitThirdParty).when(potter).refused('case-exists');
    specify(awaitThirdParty).given(opened).when(potter).refused('case-is-assigned');
    for (const past of done)
      specify(awaitThirdParty)
        .given(...past)
        .when(potter)
        .refused('case-is-open');
  });
});

import { describe, it } from '@jest/globals';
import { caseDuplicateMerged, caseRejected } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { as, done, inProgress, opened, otherId, rejected } from '#test/fixtures/cases.fixture.js';
import { rejectCase } from './reject-case.command.js';

const when = { reason: 'spam' };

describe('RejectCase', () => {
  it('declines what is open', () => {
    specify(rejectCase).given(opened).when(when).then(rejected);
    specify(rejectCase)
      .given(...inProgress)
      .when(when)
      .then(caseRejected({ ...as('rejected'), reason: 'spam' }));
  });
  it('refuses while other cases wait for this one', () =>
    specify(rejectCase)
      .given(...inProgress, caseDuplicateMerged({ ...as('in-progress'), merged: otherId }))
      .when(when)
      .refused('no-duplicates-held'));
  it('refuses what is not open', () => {
    specify(rejectCase).when(when).refused('case-exists');
    for (const past of done)
      specify(rejectCase)
        .given(...past)
        .when(when)
        .refused('case-is-open');
  });
});

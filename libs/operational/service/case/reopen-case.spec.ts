import { describe, it } from '@jest/globals';
import { caseDuplicateMerged, caseMergeUndone, caseReopened, caseResolved } from '#contracts/service/case.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#test/fixtures/specify.js';
import {
  as,
  closed,
  fresh,
  inProgress,
  merged,
  opened,
  rejected,
  resolved,
  specId,
} from '#test/fixtures/cases.fixture.js';
import { reopenCase } from './reopen-case.command.js';

const when = { reason: 'came-back' };
const reopened = caseReopened({
  ...as('in-progress'),
  previousStatus: 'closed',
  reason: 'came-back',
  reopenings: 1,
});

describe('ReopenCase', () => {
  it('goes on where somebody works on it, and counts', () => {
    specify(reopenCase)
      .given(...inProgress, resolved, closed)
      .when(when)
      .then(reopened);
    const again = caseResolved({ ...as('resolved'), resolution: 'refunded', reopenings: 1 });
    specify(reopenCase)
      .given(...inProgress, resolved, closed, reopened, again)
      .when(when)
      .then(caseReopened({ ...reopened.data, previousStatus: 'resolved', reopenings: 2 }));
  });
  it('is new again when nobody did, and was not answered badly', () =>
    specify(reopenCase)
      .given(opened, rejected)
      .when(when)
      .then(caseReopened({ ...fresh, previousStatus: 'rejected', reason: 'came-back', reopenings: 0 })));
  it('tells the original that this is no duplicate', () =>
    specify(reopenCase)
      .given(opened, merged)
      .where('original', ...inProgress, caseDuplicateMerged({ ...as('in-progress'), merged: specId }))
      .when(when)
      .then(
        caseReopened({ ...fresh, previousStatus: 'duplicate', reason: 'came-back', reopenings: 0 }),
        at('original', caseMergeUndone({ ...as('in-progress'), reopened: specId })),
      ));
  it('refuses what is not done', () => {
    specify(reopenCase).when(when).refused('case-exists');
    specify(reopenCase).given(opened).when(when).refused('case-is-done');
    specify(reopenCase)
      .given(...inProgress)
      .when(when)
      .refused('case-is-done');
    specify(reopenCase)
      .given(...inProgress, resolved, closed, reopened)
      .when(when)
      .refused('case-is-done');
  });
});

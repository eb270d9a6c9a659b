import { describe, it } from '@jest/globals';
import { caseAssigned } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { assignCase } from './assign-case.command.js';
import { as, assigned, awaiting, done, inProgress, opened } from '#test/fixtures/cases.fixture.js';

describe('AssignCase', () => {
  it('assigns a new case', () => specify(assignCase).given(opened).when({ assignee: 'lena' }).then(assigned));
  it('changes hands without a change of status', () =>
    specify(assignCase)
      .given(...inProgress, awaiting)
      .when({ assignee: 'omid', note: 'on leave' })
      .then(caseAssigned({ ...as('pending-customer'), assignee: 'omid', previousAssignee: 'lena', note: 'on leave' })));
  it('decides nothing for the same one', () =>
    specify(assignCase).given(opened, assigned).when({ assignee: 'lena' }).nothing());
  it('refuses what is not open', () => {
    specify(assignCase).when({ assignee: 'lena' }).refused('case-exists');
    for (const past of done)
      specify(assignCase)
        .given(...past)
        .when({ assignee: 'omid' })
        .refused('case-is-open');
  });
});

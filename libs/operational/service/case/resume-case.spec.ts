import { describe, it } from '@jest/globals';
import { caseResumed } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { as, assigned, awaiting, done, inProgress, opened, snoozed, thirdParty } from '#test/fixtures/cases.fixture.js';
import { resumeCase } from './resume-case.command.js';

describe('ResumeCase', () => {
  it('goes on with a case that waits', () => {
    for (const wait of [awaiting, thirdParty, snoozed]) {
      specify(resumeCase)
        .given(...inProgress, wait)
        .when({})
        .then(caseResumed({ ...as('in-progress'), previousStatus: wait.data.status }));
    }
  });
  it('decides nothing for a case in progress', () =>
    specify(resumeCase)
      .given(...inProgress)
      .when({})
      .nothing());
  it('refuses a case that does not wait', () => {
    specify(resumeCase).when({}).refused('case-exists');
    specify(resumeCase).given(opened).when({}).refused('case-is-assigned');
    specify(resumeCase).given(opened, assigned).when({}).refused('case-is-waiting');
    for (const past of done)
      specify(resumeCase)
        .given(...past)
        .when({})
        .refused('case-is-open');
  });
});

import { describe, it } from '@jest/globals';
import * as events from '#contracts/service/case.events.js';
import { as, awaiting, done, inProgress, snoozed, specId, thirdParty, until } from '#test/fixtures/cases.fixture.js';
import { specifyPolicy } from '#test/fixtures/specify-policy.js';
import { resumeCase } from '../case/resume-case.command.js';
import { wakeSnoozedCase } from './wake-snoozed-case.policy.js';

describe('wake-snoozed-case', () => {
  it('resumes the case at the instant that it was snoozed until', () => {
    specifyPolicy(wakeSnoozedCase)
      .given(...inProgress)
      .when(snoozed)
      .isDue(until)
      .sends(resumeCase.for(specId, {}));
  });
  it('is taken back by whatever ends the snooze, and by another snooze', () => {
    const resumed = events.caseResumed({ ...as('in-progress'), previousStatus: 'snoozed' });
    const replied = events.caseCustomerReplied({ ...as('in-progress'), via: 'email', text: 'Any news?' });
    for (const end of [resumed, replied, awaiting, thirdParty, snoozed, ...done.map((past) => past.at(-1)!)]) {
      specifyPolicy(wakeSnoozedCase).when(end).takesBack();
    }
  });
  it('is not taken back by what happens while the case sleeps', () => {
    const sleeping = as('snoozed');
    const note = events.caseInternalNoteAdded({ ...sleeping, text: 'Rang' });
    const priority = events.casePriorityChanged({ ...sleeping, previousPriority: 'low' });
    for (const event of [note, priority]) specifyPolicy(wakeSnoozedCase).when(event).leavesTimers();
  });
  it('sends nothing about anything else', () => specifyPolicy(wakeSnoozedCase).when(awaiting).sendsNothing());
});

import { describe, it } from '@jest/globals';
import * as events from '#contracts/service/case.events.js';
import { as, awaiting, done, inProgress, snoozed, specId, thirdParty } from '#test/fixtures/cases.fixture.js';
import { specifyPolicy } from '#test/fixtures/specify-policy.js';
import { remindCustomer } from '../case/remind-customer.command.js';
import { resolveCase } from '../case/resolve-case.command.js';
import { remindWaitingCase } from './remind-waiting-case.policy.js';
import { resolveWaitingCase } from './resolve-waiting-case.policy.js';

const remind = specifyPolicy(remindWaitingCase).given(...inProgress);
const resolve = specifyPolicy(resolveWaitingCase).given(...inProgress);

describe('a case that waits for its customer', () => {
  it('is reminded of after so many days, and resolved after so many', () => {
    remind.set(3).when(awaiting).isDue('2026-01-18T12:00:00Z').sends(remindCustomer.for(specId, {}));
    const resolved = resolveCase.for(specId, { resolution: 'no-answer' });
    resolve.set(14).when(awaiting).isDue('2026-01-29T12:00:00Z').sends(resolved);
  });

  it('is so at the same time of day, whatever the clocks do', () => {
    const london = remind.set(1, 'Europe/London');
    // On 29 March 2026 the hour from one to two is skipped: half past one is half past two, an hour of which is gone.
    london.at('2026-03-28T01:30:00Z').when(awaiting).isDue('2026-03-29T01:30:00Z');
    london.at('2026-03-28T12:00:00Z').when(awaiting).isDue('2026-03-29T11:00:00Z');
    // On 25 October 2026 it comes twice: the first is meant.
    london.at('2026-10-24T00:30:00Z').when(awaiting).isDue('2026-10-25T00:30:00Z');
    london.at('2026-10-24T12:00:00Z').when(awaiting).isDue('2026-10-25T13:00:00Z');
  });

  it('is left alone once it does not wait any more', () => {
    const replied = events.caseCustomerReplied({ ...as('in-progress'), via: 'email', text: 'Here it is' });
    for (const end of [replied, snoozed, thirdParty, ...done.map((past) => past.at(-1)!)]) {
      remind.when(end).takesBack();
      resolve.when(end).takesBack();
    }
  });

  it('is resolved all the same after a reminder', () => {
    resolve.when(events.caseCustomerReminded(as('pending-customer'))).leavesTimers();
    remind.when(events.caseCustomerReminded(as('pending-customer'))).leavesTimers();
  });
});

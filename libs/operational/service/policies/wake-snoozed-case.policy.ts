import { caseSnoozed } from '#contracts/service/case.events.js';
import { policy } from '#platform/kernel/policy.js';
import { resumeCase } from '../case/resume-case.command.js';
import { endOf } from './case-waits.js';

export const wakeSnoozedCase = policy({
  name: 'wake-snoozed-case',
  version: 1,
  about: 'A case that was snoozed goes on at the instant that it was snoozed until',
  on: caseSnoozed,
  after: ({ data }) => new Date(data.until),
  unless: endOf('snoozed', caseSnoozed),
  send: ({ aggregateId }) => resumeCase.for(aggregateId, {}),
});

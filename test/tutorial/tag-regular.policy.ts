import { tagContact } from '#operational/contacts/contact/tag-contact.command.js';
import { policy } from '#platform/kernel/policy.js';
import { fold } from '#platform/kernel/policy-state.js';
import { visitRecorded } from './visit.events.js';

/** Visits until somebody is a regular customer. */
const REGULAR = 3;

export const tagRegular = policy({
  name: 'tag-regular',
  version: 1,
  about: 'Who comes to our shops for the third time is tagged as a regular customer',
  on: visitRecorded,
  state: { initial: 0, on: [fold(visitRecorded, (visits: number) => visits + 1)] },
  // Once, and never again: the fourth visit is of no concern.
  when: (_event, { state: visits }) => visits === REGULAR,
  send: ({ subject }) => tagContact.for(subject, { tags: ['regular'] }),
});

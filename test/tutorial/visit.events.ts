import { Code, Note } from '#contracts/terms.js';
import { defineEvent, open, personal } from '#platform/kernel/event-contract.js';
import { Id } from '#platform/kernel/ids.js';

/** A customer came to a shop. */
export const visitRecorded = defineEvent({
  type: 'crm.tutorial.visit.recorded',
  fields: { contact: open(Id), shop: open(Code, 'shown'), note: personal(Note.optional()) },
});

import { z } from 'zod';
import { Code, Note } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Visit } from './visit.aggregate.js';
import { visitRecorded } from './visit.events.js';

export const recordVisit = command({
  name: 'RecordVisit',
  summary: 'Records that a customer came to a shop',
  on: Visit,
  // Without `:id` in the route the command creates: its id is that of the body, or a new one.
  route: 'POST /v1/visits',
  input: z.strictObject({ id: Id.optional(), contact: Id, shop: Code, note: Note.optional() }),
  decide: ({ recorded }, { contact, shop, note }) => {
    rule('visit-is-new', !recorded, 'the visit is recorded already');
    return visitRecorded({ contact, shop, note });
  },
});

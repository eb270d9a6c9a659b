import { z } from 'zod';
import { PointNumber } from '#contracts/contacts/contact-point.js';
import { contactPointRemoved } from '#contracts/contacts/contact.events.js';
import { Code } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact } from './contact.aggregate.js';
import { assertCurrent } from './contact.rules.js';

export const removeContactPoint = command({
  name: 'RemoveContactPoint',
  summary: 'Takes a point away that does not reach the contact any more',
  on: Contact,
  route: 'POST /v1/contacts/:id/points/remove',
  input: z.strictObject({ point: PointNumber, reason: Code.optional() }),
  decide: (contact, { point: number, reason }) => {
    assertCurrent(contact);
    const known = contact.points.find(({ point }) => point === number);
    rule('point-exists', known !== undefined, `the contact has no point ${number}`);
    const { pointKind, label, reach } = known;
    return contactPointRemoved({ point: number, pointKind, label, reach, reason });
  },
});

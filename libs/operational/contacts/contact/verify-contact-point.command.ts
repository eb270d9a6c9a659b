import { z } from 'zod';
import { PointNumber } from '#contracts/contacts/contact-point.js';
import { contactPointVerified } from '#contracts/contacts/contact.events.js';
import { Code } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact } from './contact.aggregate.js';
import { activatedBy, assertCurrent } from './contact.rules.js';

export const verifyContactPoint = command({
  name: 'VerifyContactPoint',
  summary: 'Records that a point was shown to reach the contact; the first makes the contact active',
  on: Contact,
  route: 'POST /v1/contacts/:id/points/verify',
  input: z.strictObject({
    point: PointNumber,
    method: Code.meta({ description: 'How it was shown, e.g. link-clicked or called-back' }),
  }),
  decide: (contact, { point: number, method }) => {
    assertCurrent(contact);
    const known = contact.points.find(({ point }) => point === number);
    rule('point-exists', known !== undefined, `the contact has no point ${number}`);
    const { pointKind, label, reach, verified } = known;
    if (verified) return;
    return [
      contactPointVerified({ point: number, pointKind, label, reach, method }),
      ...activatedBy(contact, 'verified-point'),
    ];
  },
});

import { MAX_POINTS, contactPointAdded } from '#contracts/contacts/contact.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact } from './contact.aggregate.js';
import { identifiedBy, assertCurrent } from './contact.rules.js';
import { PointInput, samePoint } from './contact-input.js';

export const addContactPoint = command({
  name: 'AddContactPoint',
  summary: 'Adds an e-mail address, telephone number, postal address or messenger account',
  on: Contact,
  route: 'POST /v1/contacts/:id/points',
  input: PointInput,
  decide: (contact, { reach, label }) => {
    assertCurrent(contact);
    const known = samePoint(contact.points, reach);
    if (known) {
      const agrees = label === undefined || label === known.label;
      rule('point-is-new', agrees, `point ${known.point} is the same under another label; remove it first`);
      return;
    }
    rule('points-within-limit', contact.points.length < MAX_POINTS, `a contact has at most ${MAX_POINTS} points`);
    const added = contactPointAdded({ point: contact.nextPoint, pointKind: reach.kind, label, reach });
    return [added, ...identifiedBy(contact, 'contact-point')];
  },
});

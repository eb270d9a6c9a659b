import { z } from 'zod';
import {
  MAX_ATTRIBUTES,
  MAX_IDENTITIES,
  MAX_POINTS,
  MAX_TAGS,
  contactRegistered,
} from '#contracts/contacts/contact.events.js';
import { Attribute, ContactKind, Identity, LifecycleStage, Staff, Tag } from '#contracts/contacts/contact-terms.js';
import { contactDetails } from '#contracts/contacts/contact-terms.js';
import { Code } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Contact } from './contact.aggregate.js';
import { inBusiness } from './contact.rules.js';
import { NameInput, PointInput, keyOf, nameOf, unique } from './contact-input.js';

const { name: _name, ...details } = contactDetails;

export const registerContact = command({
  name: 'RegisterContact',
  summary: 'Registers a person or an organisation, or somebody of whom nothing is known yet',
  on: Contact,
  route: 'POST /v1/contacts',
  input: z.strictObject({
    id: Id.optional(),
    kind: ContactKind.default('person'),
    name: NameInput.optional(),
    ...z.strictObject(details).partial().shape,
    points: z.array(PointInput).max(MAX_POINTS).optional(),
    identities: z.array(Identity).max(MAX_IDENTITIES).optional(),
    attributes: z.array(Attribute).max(MAX_ATTRIBUTES).optional(),
    tags: z.array(Tag).max(MAX_TAGS).optional(),
    owner: Staff.optional(),
    origin: Code.optional(),
    stage: LifecycleStage.optional().meta({ description: 'Else lead, or visitor of an anonymous contact' }),
  }),
  decide: (contact, { id: _id, name, points = [], identities = [], attributes = [], tags = [], ...more }) => {
    rule('contact-is-new', contact.status === 'none', 'this contact exists already');
    const names = new Set(attributes.map((attribute) => attribute.name));
    rule('attribute-named-once', names.size === attributes.length, 'an attribute is named twice');

    const known = name !== undefined || points.length > 0 || identities.length > 0;
    const stage = more.stage ?? (known ? 'lead' : 'visitor');
    const numbered = unique(points, ({ reach }) => keyOf(reach)).map(({ reach, label }, index) => ({
      point: index + 1,
      label,
      reach,
    }));
    return contactRegistered({
      ...more,
      stage,
      status: known ? (inBusiness(stage) ? 'active' : 'identified') : 'anonymous',
      name: name && nameOf(name, more.language),
      points: some(numbered),
      identities: some(unique(identities, ({ system, key }) => JSON.stringify([system, key]))),
      attributes: some(attributes),
      tags: some([...new Set(tags)]),
    });
  },
});

/** An empty list is not worth its place in the log. */
const some = <T>(list: T[]): T[] | undefined => (list.length > 0 ? list : undefined);

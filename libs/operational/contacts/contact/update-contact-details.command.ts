import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { contactDetailsUpdated } from '#contracts/contacts/contact.events.js';
import { DetailName, contactDetails } from '#contracts/contacts/contact-terms.js';
import type { ContactName } from '#contracts/contacts/contact-terms.js';
import { command } from '#platform/kernel/command.js';
import { readable } from '#platform/kernel/erased.js';
import { Contact } from './contact.aggregate.js';
import type { ContactDetails } from './contact.aggregate.js';
import { identifiedBy, assertCurrent } from './contact.rules.js';
import { NameInput, nameOf } from './contact-input.js';

export const updateContactDetails = command({
  name: 'UpdateContactDetails',
  summary: 'Changes the details that are named; null takes one away',
  on: Contact,
  route: 'PATCH /v1/contacts/:id',
  input: z.strictObject({
    name: NameInput.nullable().optional(),
    birthDate: contactDetails.birthDate.nullable().optional(),
    language: contactDetails.language.nullable().optional(),
    zone: contactDetails.zone.nullable().optional(),
    jobTitle: contactDetails.jobTitle.nullable().optional(),
    department: contactDetails.department.nullable().optional(),
    website: contactDetails.website.nullable().optional(),
    registrationNumber: contactDetails.registrationNumber.nullable().optional(),
    remarks: contactDetails.remarks.nullable().optional(),
  }),
  decide: (contact, { name, ...input }) => {
    assertCurrent(contact);
    const language = input.language === undefined ? readable(contact.details.language) : (input.language ?? undefined);
    const patch = { ...input, name: name ? nameOf(name, language) : (name ?? reordered(contact.details, language)) };
    // Through JSON, as stored: an absent part of a name and an undefined one are the same.
    const changed = DetailName.options.filter(
      (detail) =>
        patch[detail] !== undefined && !isDeepStrictEqual(stored(patch[detail]), stored(contact.details[detail])),
    );
    if (changed.length === 0) return;
    const details = Object.fromEntries(changed.map((detail) => [detail, patch[detail] ?? undefined]));
    const updated = contactDetailsUpdated({ ...contact.details, ...(details as ContactDetails), changed });
    return changed.includes('name') && name ? [updated, ...identifiedBy(contact, 'name')] : updated;
  },
});

/** The name anew where its full form was put together from the parts: another language may have another order. */
function reordered(details: ContactDetails, language: string | undefined): ContactName | undefined {
  const [name, before] = [readable(details.name), readable(details.language)];
  if (!name || language === before || name.full !== nameOf({ ...name, full: undefined }, before).full) return undefined;
  return nameOf({ ...name, full: undefined }, language);
}

const stored = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));

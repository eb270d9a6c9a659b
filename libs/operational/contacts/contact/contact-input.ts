import { z } from 'zod';
import { contactDetails } from '#contracts/contacts/contact-terms.js';
import type { ContactName } from '#contracts/contacts/contact-terms.js';
import { ContactPoint } from '#contracts/contacts/contact-point.js';
import type { NumberedPoint } from '#contracts/contacts/contact.events.js';
import { Code } from '#contracts/terms.js';
import { isErased, type Erased } from '#platform/kernel/erased.js';
import { spellingOf } from '#platform/kernel/text.js';
import { joinedName } from './name-order.js';

const { full, given, family } = contactDetails.name.shape;

/** A name as a sender has it: in full, or in parts that are then joined. */
export const NameInput = z
  .strictObject({ full: full.optional(), given, family })
  .refine((name) => Object.values(name).some((part) => part !== undefined), {
    error: 'names nobody: give full, given or family',
  })
  .meta({ id: 'NameInput' });

/** The name with its full form: the sender's, else the parts in the order of the contact's language. */
export function nameOf({ full, given, family }: z.infer<typeof NameInput>, language?: string): ContactName {
  return { full: full ?? joinedName({ given, family }, language), given, family };
}

export const PointInput = z.strictObject({ reach: ContactPoint, label: Code.optional() }).meta({ id: 'PointInput' });
export type PointInput = z.infer<typeof PointInput>;

/** What tells one point from another. Schemas write the others in one spelling; of a postal address people have many. */
export const keyOf = (reach: ContactPoint): string =>
  reach.kind === 'postal' ? spellingOf(JSON.stringify(reach)) : JSON.stringify(reach);

/** The point with the same address, number or account. */
export function samePoint<P extends { readonly reach: NumberedPoint['reach'] | Erased }>(
  points: readonly P[],
  reach: ContactPoint,
) {
  const key = keyOf(reach);
  // Of an erased point nobody can tell.
  return points.find((known) => !isErased(known.reach) && keyOf(known.reach) === key);
}

/** The list without repeats. */
export const unique = <T>(items: readonly T[], key: (item: T) => string): T[] => [
  ...new Map(items.map((item) => [key(item), item])).values(),
];

import { z } from 'zod';
import { contactDetails } from '#contracts/contacts/contact-terms.js';
import type { ContactName } from '#contracts/contacts/contact-terms.js';
import { ContactPoint } from '#contracts/contacts/contact-point.js';
import type { NumberedPoint } from '#contracts/contacts/contact.events.js';
import { Code } from '#contracts/terms.js';

const { full, given, family } = contactDetails.name.shape;

/** A name as a sender has it: in full, or in parts that are then joined. */
export const NameInput = z
  .strictObject({ full: full.optional(), given, family })
  .refine((name) => Object.values(name).some((part) => part !== undefined), {
    error: 'names nobody: give full, given or family',
  })
  .meta({ id: 'NameInput' });

/** The name with its full form: the sender's, else the parts joined by a blank. */
export function nameOf({ full, given, family }: z.infer<typeof NameInput>): ContactName {
  return { full: full ?? [given, family].filter(Boolean).join(' '), given, family };
}

export const PointInput = z.strictObject({ reach: ContactPoint, label: Code.optional() }).meta({ id: 'PointInput' });
export type PointInput = z.infer<typeof PointInput>;

// The schema of a point writes its keys in one order, and so does the store: equal text is the equal point.
const keyOf = (reach: ContactPoint): string => JSON.stringify(reach);

/** The point with the same address, number or account. */
export const samePoint = <P extends Pick<NumberedPoint, 'reach'>>(points: readonly P[], reach: ContactPoint) =>
  points.find((known) => keyOf(known.reach) === keyOf(reach));

/** The list without repeats. */
export const unique = <T>(items: readonly T[], key: (item: T) => string): T[] => [
  ...new Map(items.map((item) => [key(item), item])).values(),
];

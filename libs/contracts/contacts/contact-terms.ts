import { z } from 'zod';
import { Day, TimeZone, pastDays } from '#platform/kernel/calendar.js';
import type { UniqueKey } from '#platform/kernel/event-contract.js';
import { DecimalString } from '#platform/kernel/money.js';
import { plain, plainDigits, withoutUnseen } from '#platform/kernel/text.js';
import { key, prose, words } from '../terms.js';

export const ContactKind = z.enum(['person', 'organisation']);
export type ContactKind = z.infer<typeof ContactKind>;

/** The status of a contact that has been registered. */
export const ContactStatus = z.enum(['anonymous', 'identified', 'active', 'blocked', 'archived', 'merged', 'erased']);
export type ContactStatus = z.infer<typeof ContactStatus>;

/** Where the contact stands as a customer, beside the status. */
export const LifecycleStage = z.enum(['visitor', 'lead', 'prospect', 'customer', 'loyal', 'lapsed']);
export type LifecycleStage = z.infer<typeof LifecycleStage>;

/** `full` is the name as it is written to its bearer; the parts are known or not. */
export const ContactName = z
  .strictObject({ full: words(300), given: words(150).optional(), family: words(150).optional() })
  .meta({ id: 'ContactName' });
export type ContactName = z.infer<typeof ContactName>;

// What phone books write for the year of a birthday of which they know none: Apple's is 1604, a leap year.
const NO_YEAR = /^(?:1604-|--)(\d\d)-?(\d\d)$/;
const plainBirthDate = (text: string): string => plainDigits(withoutUnseen(text)).trim().replace(NO_YEAR, '--$1-$2');
// A year for its 29 February, as any February has one in some year.
const isBirthDate = (text: string): boolean => Day.safeParse(text.replace(/^--/, '2000-')).success;

/** A day, or the day of a birthday whose year is not known, `--MM-DD` as in ISO 8601 and vCard. */
export const BirthDate = z
  .string()
  .max(100)
  .overwrite(plainBirthDate)
  .regex(/^(\d{4}|-)-\d{2}-\d{2}$/, {
    error: 'is not a day such as 1990-03-21, or --03-21 without the year',
    abort: true,
  })
  .refine(isBirthDate, { error: 'is not a day of the calendar' })
  .meta({
    id: 'BirthDate',
    description: '`YYYY-MM-DD`, or `--MM-DD` when the year is not known; 1604 stands for no year',
    examples: ['1990-03-21', '--03-21'],
  })
  .register(pastDays, { past: true });

/** What is known of a contact beside how to reach it; all of it optional. */
export const contactDetails = {
  name: ContactName,
  birthDate: BirthDate,
  /** BCP 47, e.g. `fa` or `zh-Hant`. */
  language: z
    .string()
    .max(35)
    .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$/, { error: 'is not a language tag such as "fa" or "zh-Hant"' })
    .meta({ examples: ['fa'] }),
  zone: TimeZone,
  jobTitle: words(150),
  department: words(150),
  website: words(300),
  registrationNumber: key(64),
  remarks: prose(4000),
};

export const DetailName = z.enum(Object.keys(contactDetails) as [keyof typeof contactDetails]);
export type DetailName = z.infer<typeof DetailName>;

/** The member of staff who looks after something, by the name or number that the sender's staff list has. */
export const Staff = key(100);

/** A word to group by, in any script, in lower case. Never free text: it is stored in the clear. */
export const Tag = z
  .string()
  .max(200)
  .overwrite(plain)
  .toLowerCase()
  .normalize('NFC')
  .max(40)
  .regex(/^[\p{L}\p{N}][\p{L}\p{M}\p{N}_-]*$/u, { error: 'is not a tag: letters, digits and dashes, no blanks' })
  .meta({ id: 'Tag', examples: ['trade-fair'] });

/** Who the contact is in another system. */
export const Identity = z.strictObject({ system: key(64), key: key(128) }).meta({ id: 'Identity' });
export type Identity = z.infer<typeof Identity>;

/** Nobody is two contacts in another system. */
export const identityKey = ({ system, key }: Identity): UniqueKey => ({ scope: 'identity', words: [system, key] });

/** Name of a custom attribute or of an external fact. */
export const AttributeName = z
  .string()
  .max(64)
  .regex(/^[a-z][a-zA-Z0-9_-]*$/, { error: 'is not a name: a small letter, then letters, digits and dashes' })
  .meta({ id: 'AttributeName', examples: ['shoe-size'] });

export const AttributeType = z.enum(['string', 'number', 'boolean', 'date', 'decimal']);
export type AttributeType = z.infer<typeof AttributeType>;

/** A value together with its declared type. */
export const TypedValue = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('string'), value: prose(2000) }),
    z.strictObject({ type: z.literal('number'), value: z.number() }),
    z.strictObject({ type: z.literal('boolean'), value: z.boolean() }),
    z.strictObject({ type: z.literal('date'), value: Day }),
    z.strictObject({ type: z.literal('decimal'), value: DecimalString }),
  ])
  .meta({ id: 'TypedValue' });
export type TypedValue = z.infer<typeof TypedValue>;

/** A custom attribute. */
export const Attribute = z.strictObject({ name: AttributeName, content: TypedValue }).meta({ id: 'Attribute' });
export type Attribute = z.infer<typeof Attribute>;

/** `works-at`: person → organisation. `household`: person – person. `parent-company`: organisation → its parent. */
export const RelationKind = z.enum(['works-at', 'household', 'parent-company']);
export type RelationKind = z.infer<typeof RelationKind>;

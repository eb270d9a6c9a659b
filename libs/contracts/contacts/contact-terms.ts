import { z } from 'zod';
import { Day, TimeZone } from '#platform/kernel/calendar.js';
import { DecimalString } from '#platform/kernel/money.js';

export const ContactKind = z.enum(['person', 'organisation']);
export type ContactKind = z.infer<typeof ContactKind>;

/** The status of a contact that has been registered. */
export const ContactStatus = z.enum(['anonymous', 'identified', 'active', 'blocked', 'archived', 'merged', 'erased']);
export type ContactStatus = z.infer<typeof ContactStatus>;

/** Where the contact stands as a customer, beside the status. */
export const LifecycleStage = z.enum(['visitor', 'lead', 'prospect', 'customer', 'loyal', 'lapsed']);
export type LifecycleStage = z.infer<typeof LifecycleStage>;

const words = (max: number) => z.string().trim().min(1).max(max);

/** `full` is the name as it is written to its bearer; the parts are known or not. */
export const ContactName = z
  .strictObject({ full: words(300), given: words(150).optional(), family: words(150).optional() })
  .meta({ id: 'ContactName' });
export type ContactName = z.infer<typeof ContactName>;

/** What is known of a contact beside how to reach it; all of it optional. */
export const contactDetails = {
  name: ContactName,
  birthDate: Day,
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
  registrationNumber: words(64),
  remarks: z.string().min(1).max(4000),
};

export const DetailName = z.enum(Object.keys(contactDetails) as [keyof typeof contactDetails]);
export type DetailName = z.infer<typeof DetailName>;

/** The member of staff who looks after something, by the name or number that the sender's staff list has. */
export const Staff = z.string().trim().min(1).max(100);

/** A word to group by, in any script, in lower case. Never free text: it is stored in the clear. */
export const Tag = z
  .string()
  .max(80)
  .trim()
  .toLowerCase()
  .normalize('NFC')
  .max(40)
  .regex(/^[\p{L}\p{N}][\p{L}\p{M}\p{N}_-]*$/u, { error: 'is not a tag: letters, digits and dashes, no blanks' })
  .meta({ id: 'Tag', examples: ['trade-fair'] });

/** Who the contact is in another system. */
export const Identity = z
  .strictObject({ system: z.string().trim().min(1).max(64), key: z.string().trim().min(1).max(128) })
  .meta({ id: 'Identity' });
export type Identity = z.infer<typeof Identity>;

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
    z.strictObject({ type: z.literal('string'), value: z.string().max(2000) }),
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

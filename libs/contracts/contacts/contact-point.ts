import { z } from 'zod';
import { Code, DeliveryAddress } from '../terms.js';

export const PointKind = z.enum(['email', 'phone', 'postal', 'messenger']);
export type PointKind = z.infer<typeof PointKind>;

/** Local part and domain in any script; whether it is read is for a verification to tell. */
const EMAIL = /^[^\s@"<>,;]{1,64}@[^\s@"<>,;]{1,189}$/u;
const E164 = /^\+[1-9][0-9]{6,14}$/;

/** Persian, Arabic and full-width digits as 0–9; blanks, dots, dashes and brackets left out; 00 as +. */
const plainPhone = (text: string): string =>
  text
    .normalize('NFKC')
    .replace(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x660))
    .replace(/[۰-۹]/g, (digit) => String(digit.charCodeAt(0) - 0x6f0))
    .replace(/[\s().\-‐-―/]/g, '')
    .replace(/^00/, '+');

/** An e-mail address, trimmed and in lower case. */
export const EmailAddress = z
  .string()
  .max(1000)
  .trim()
  .toLowerCase()
  .normalize('NFC')
  .max(254)
  .regex(EMAIL, { error: 'is not an e-mail address' })
  .meta({ id: 'EmailAddress', examples: ['sara@example.com'] });

/** A telephone number with its country, in the form of E.164. */
export const PhoneNumber = z
  .string()
  .max(60)
  .overwrite(plainPhone)
  .regex(E164, { error: 'is not a telephone number with its country code, such as +442079460000' })
  .meta({ id: 'PhoneNumber', examples: ['+442079460000'] });

/** Where a contact can be reached. */
export const ContactPoint = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('email'), address: EmailAddress }),
    z.strictObject({ kind: z.literal('phone'), number: PhoneNumber }),
    z.strictObject({ kind: z.literal('postal'), address: DeliveryAddress }),
    z.strictObject({ kind: z.literal('messenger'), service: Code, account: z.string().trim().min(1).max(200) }),
  ])
  .meta({ id: 'ContactPoint' });
export type ContactPoint = z.infer<typeof ContactPoint>;

/** Number of a point within its contact, from 1; never given twice. */
export const PointNumber = z.int().min(1).max(1_000_000);

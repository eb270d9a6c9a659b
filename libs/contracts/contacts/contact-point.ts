import { domainToASCII, domainToUnicode } from 'node:url';
import { parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { z } from 'zod';
import { Code, DeliveryAddress } from '../terms.js';

export const PointKind = z.enum(['email', 'phone', 'postal', 'messenger']);
export type PointKind = z.infer<typeof PointKind>;

/** Local part and domain in any script; whether it is read is for a verification to tell. */
const EMAIL = /^[^\s@"<>,;]{1,64}@[^\s@"<>,;]{1,189}$/u;
const E164 = /^\+[1-9][0-9]{6,14}$/;

/**
 * A number in the form of E.164, whatever its digits, blanks, brackets and trunk prefix; another text as it is.
 * Possible, not valid: ranges are opened by the month, and a number that was taken must not become one that is not.
 */
function plainPhone(text: string): string {
  const plain = text.normalize('NFKC').trim().replace(/^00/, '+');
  const number = parsePhoneNumberFromString(plain, { extract: false });
  // An extension has no place in E.164, and would be lost.
  return number?.isPossible() && number.ext === undefined ? number.number : plain;
}

/** An address whose domain is written in one way only: in lower case and in its own script. */
function plainEmail(text: string): string {
  const at = text.lastIndexOf('@');
  const domain = domainToUnicode(domainToASCII(text.slice(at + 1)));
  return at < 0 || domain === '' ? text : `${text.slice(0, at)}@${domain}`;
}

/** An e-mail address, trimmed and in lower case. */
export const EmailAddress = z
  .string()
  .max(1000)
  .trim()
  .toLowerCase()
  .normalize('NFC')
  .overwrite(plainEmail)
  .max(254)
  .regex(EMAIL, { error: 'is not an e-mail address' })
  .meta({ id: 'EmailAddress', examples: ['sara@example.com'] });

/** A telephone number with its country, in the form of E.164. */
export const PhoneNumber = z
  .string()
  .max(60)
  .overwrite(plainPhone)
  .regex(E164, { error: 'is not a telephone number with its country code and no extension, such as +442079460000' })
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

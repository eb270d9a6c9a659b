import { domainToASCII, domainToUnicode } from 'node:url';
import { isSupportedCountry } from 'libphonenumber-js/min';
import { z } from 'zod';
import { plainDigits, usualWidth, withoutUnseen } from '#platform/kernel/text.js';
import { Code, CountryCode, DeliveryAddress, key } from '../terms.js';
import { E164, SHORT, plainPhone } from './phone.js';

export const PointKind = z.enum(['email', 'phone', 'postal', 'messenger']);
export type PointKind = z.infer<typeof PointKind>;

/** Local part and domain in any script; whether it is read is for a verification to tell. */
const EMAIL = /^[^\s@"<>,;]{1,64}@[^\s@"<>,;]{1,189}$/u;
const ASCII_BUT_DIGITS = /^[\x21-\x7e\p{Nd}]*$/u;

// The digits of a Persian keyboard are meant as 0 to 9 in an address of Latin letters. Beside letters of their own
// script they stay: there they are part of another mailbox or domain.
const latinDigits = (part: string): string => (ASCII_BUT_DIGITS.test(part) ? plainDigits(part) : part);

/** A domain in lower case and in its own script; empty when there can be no such domain. */
const plainDomain = (domain: string): string =>
  domainToUnicode(
    domainToASCII(
      domain
        .split(/[.。．｡]/u)
        .map(latinDigits)
        .join('.'),
    ),
  );

/** An address in its one spelling. A joiner stays in a domain of a script that joins, where it makes another domain. */
function plainEmail(text: string): string {
  const address = usualWidth(text).trim();
  const at = address.lastIndexOf('@');
  if (at < 0) return withoutUnseen(address);
  const local = latinDigits(withoutUnseen(address.slice(0, at)).toLowerCase().normalize('NFC'));
  const domain = address.slice(at + 1);
  const joined = domain.replace(/[^\P{Default_Ignorable_Code_Point}\u200c\u200d]+/gu, '');
  return `${local}@${plainDomain(joined) || plainDomain(withoutUnseen(domain)) || withoutUnseen(domain)}`.trim();
}

/** An e-mail address in lower case, without anything that nobody sees. */
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

/** A telephone number with its country, in the form of E.164; or, with `country`, a national number or short code. */
const PhoneNumber = z
  .string()
  .max(100)
  .meta({
    id: 'PhoneNumber',
    description: 'Kept in the form of E.164; a short code and a local number as their digits, beside their country',
    examples: ['+442079460000'],
  });

const Extension = z
  .string()
  .max(60)
  .overwrite((text) => plainDigits(withoutUnseen(text)).trim())
  .regex(/^[0-9*#]{1,15}$/, { error: 'is not an extension: 1 to 15 digits' })
  .meta({ description: 'To be dialled when the number has answered', examples: ['55'] });

/** A telephone; of two ways to write one number both give the same. */
const Telephone = z
  .strictObject({
    kind: z.literal('phone'),
    number: PhoneNumber,
    extension: Extension.optional(),
    country: CountryCode.refine((code): boolean => isSupportedCountry(code), {
      error: 'is no country with telephone numbers',
    })
      .optional()
      .meta({ description: 'Where a number without a country code is dialled; left out once the number says it' }),
  })
  .overwrite(({ kind, ...phone }) => ({ kind, ...plainPhone(phone) }))
  .superRefine(({ number, country }, context) => {
    if (E164.test(number) || (country !== undefined && SHORT.test(number))) return;
    const wanted =
      country === undefined
        ? 'is not a telephone number with its country code, such as +442079460000; give the country of a national number'
        : `is not a telephone number of ${country}`;
    context.addIssue({ code: 'custom', path: ['number'], message: wanted, input: number });
  });

/** Where a contact can be reached. */
export const ContactPoint = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('email'), address: EmailAddress }),
    Telephone,
    z.strictObject({ kind: z.literal('postal'), address: DeliveryAddress }),
    z.strictObject({ kind: z.literal('messenger'), service: Code, account: key(200) }),
  ])
  .meta({ id: 'ContactPoint' });
export type ContactPoint = z.infer<typeof ContactPoint>;

/** Number of a point within its contact, from 1; never given twice. */
export const PointNumber = z.int().min(1).max(1_000_000);

import { parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/min';
import { plain } from '#platform/kernel/text.js';

/** How a telephone can be called: a number of the world, or one that is only dialled in its country. */
export interface Phone {
  /** In the form of E.164; else the digits of a short or local number, which means nothing without `country`. */
  number: string;
  extension?: string;
  /** Where a short or local number is dialled. */
  country?: string;
}

export const E164 = /^\+[1-9][0-9]{6,14}$/;
/** Of short codes and local numbers. */
export const SHORT = /^[0-9]{2,8}$/;

// Beside the forms that the library knows (ext. 5, x5, #5, ;ext=5, доб. 5).
const EXTENSION = /\s*(?:داخلی|内線|内线|分机|分機|转|轉|내선|poste|interno|anexo|durchwahl)\s*[.:]?\s*(?=[0-9]+$)/iu;
// Ranges are opened by the month: from this length on a possible number is one, below it a short code is likelier.
const SUBSCRIBER = 7;

/**
 * A telephone number in its one spelling, whatever its digits, blanks, brackets, marks and trunk prefix; what cannot be
 * read stays as it is, for a schema to refuse. A national number needs its country.
 */
export function plainPhone({ number: written, extension, country }: Phone): Phone {
  const text = plain(written.normalize('NFKC'))
    .replace(/^tel:\s*/i, '')
    .replace(EXTENSION, ' ext. ');
  const within = country as CountryCode | undefined;
  const parsed =
    parsePhoneNumberFromString(text, { extract: false, defaultCountry: within }) ??
    parsePhoneNumberFromString(text.replace(/^00/, '+'), { extract: false });
  const of = (phone: Phone): Phone => ({
    number: phone.number,
    ...((extension ?? parsed?.ext) === undefined ? {} : { extension: extension ?? parsed!.ext! }),
    ...(phone.country === undefined ? {} : { country: phone.country }),
  });
  const international = /^(\+|00)/.test(text);
  // Two extensions that differ: neither is thrown away.
  if (parsed?.ext !== undefined && extension !== undefined && parsed.ext !== extension)
    return of({ number: text, country });
  if (parsed?.isPossible() && (international || parsed.isValid() || parsed.nationalNumber.length >= SUBSCRIBER)) {
    return of({ number: parsed.number });
  }
  const digits = text.replace(/[\s()./-]/g, '');
  if (!international && SHORT.test(digits)) return of({ number: digits, country });
  return of({ number: text, country });
}

import { z } from 'zod';
import type { UniqueKey } from '#platform/kernel/event-contract.js';
import { hasNoControls, isVisible, plain, shown } from '#platform/kernel/text.js';

const unseen = { error: 'needs a visible character' };
const controls = { error: 'holds a control character' };
/** No more than this is tidied: what is longer by then is refused for its length. */
const MOST_RAW = 10_000;

/** A line of text for people: as it is shown, without marks that nobody sees. Never empty to the eye. */
export const words = (max: number) =>
  z
    .string()
    .max(MOST_RAW, { abort: true })
    .overwrite(shown)
    .min(1, { ...unseen, abort: true })
    .max(max)
    .refine(isVisible, unseen)
    .refine(hasNoControls, controls);

/** A number, key, name or code that is looked up by equality: kept in its one spelling (`plain`). */
export const key = (max: number) =>
  z
    .string()
    .max(MOST_RAW, { abort: true })
    .overwrite(plain)
    .min(1, { ...unseen, abort: true })
    .max(max)
    .refine(isVisible, unseen)
    .refine(hasNoControls, controls);

/** A text of more than a line: kept to the letter, also in its marks of direction. Never empty to the eye. */
export const prose = (max: number) =>
  z
    .string()
    .min(1, { ...unseen, abort: true })
    .max(max)
    .refine(isVisible, unseen);

/** A short word from a list that the sender keeps, e.g. `damaged`. Never free text: it is stored in the clear. */
export const Code = z
  .string()
  .max(40)
  .regex(/^[a-z0-9][a-z0-9_-]*$/, { error: 'is not a code of small letters, digits and dashes' })
  .meta({ id: 'Code', examples: ['damaged'] });

/** Where a record comes from: the other system's name and its key there. */
export const Source = z.strictObject({ system: key(64), key: key(128) }).meta({ id: 'Source' });

/** The key that only one aggregate of a kind may have from a source. */
export const sourceKey =
  (scope: string) =>
  ({ source }: { source?: z.infer<typeof Source> | undefined }): UniqueKey[] =>
    source ? [{ scope, words: [source.system, source.key] }] : [];

/** A business number: of an order, an invoice, a credit note. */
export const DocumentNumber = key(64);

/**
 * The country of a sale: its ISO 3166-1 code (`GB`), or else the words that the sender's books have for it
 * (`EIRE`, `Channel Islands`, `Unspecified`), as they stand there. Who counts by country brings the two together.
 */
export const Country = z
  .string()
  .max(100)
  .overwrite(shown)
  .regex(/^\p{L}[^\p{Cc}]*$/u, { error: 'is not the name or the code of a country' })
  .meta({ id: 'Country', examples: ['GB', 'United Kingdom'] });

/** Who sold, by the name or number that the sender's staff list has. */
export const Salesperson = key(100);

/** An ISO 3166 code of two letters. */
export const CountryCode = z
  .string()
  .regex(/^[A-Z]{2}$/, { error: 'is not a two-letter country code' })
  .meta({ examples: ['GB'] });

/** A postal address as it stands on the parcel. */
export const DeliveryAddress = z
  .strictObject({
    recipient: words(200).optional(),
    lines: z.array(words(200)).min(1).max(6),
    locality: words(100).optional(),
    region: words(100).optional(),
    postalCode: key(20).optional(),
    country: CountryCode.optional(),
  })
  .meta({ id: 'DeliveryAddress' });

/** Free text: personal wherever it is stored. */
export const Note = prose(2000);

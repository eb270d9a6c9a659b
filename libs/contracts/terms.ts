import { z } from 'zod';

/** A short word from a list that the sender keeps, e.g. `damaged`. Never free text: it is stored in the clear. */
export const Code = z
  .string()
  .max(40)
  .regex(/^[a-z0-9][a-z0-9_-]*$/, { error: 'is not a code of small letters, digits and dashes' })
  .meta({ id: 'Code', examples: ['damaged'] });

/** Where a record comes from: the other system's name and its key there. */
export const Source = z
  .strictObject({ system: z.string().min(1).max(64), key: z.string().min(1).max(128) })
  .meta({ id: 'Source' });

/** A business number: of an order, an invoice, a credit note. */
export const DocumentNumber = z.string().min(1).max(64);

/**
 * The country of a sale: its ISO 3166-1 code (`GB`), or else the words that the sender's books have for it
 * (`EIRE`, `Channel Islands`, `Unspecified`), as they stand there. Who counts by country brings the two together.
 */
export const Country = z
  .string()
  .max(100)
  .regex(/^\p{L}[^\p{Cc}]*$/u, { error: 'is not the name or the code of a country' })
  .meta({ id: 'Country', examples: ['GB', 'United Kingdom'] });

/** Who sold, by the name or number that the sender's staff list has. */
export const Salesperson = z.string().min(1).max(100);

/** A postal address as it stands on the parcel. */
export const DeliveryAddress = z
  .strictObject({
    recipient: z.string().min(1).max(200).optional(),
    lines: z.array(z.string().min(1).max(200)).min(1).max(6),
    locality: z.string().max(100).optional(),
    region: z.string().max(100).optional(),
    postalCode: z.string().max(20).optional(),
    country: z
      .string()
      .regex(/^[A-Z]{2}$/, { error: 'is not a two-letter country code' })
      .optional(),
  })
  .meta({ id: 'DeliveryAddress' });

/** Free text: personal wherever it is stored. */
export const Note = z.string().min(1).max(2000);

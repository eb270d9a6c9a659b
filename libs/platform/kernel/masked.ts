import { z } from 'zod';
import { isErased } from './erased.js';

/**
 * What stands in an answer in the place of a personal value that the reader may not see. It is of answers only: no event,
 * state, row or command ever holds one. `{"masked":true}` in JSON, which no personal value can be.
 */
export const Masked = z.strictObject({ masked: z.literal(true) }).meta({
  id: 'Masked',
  description: 'Stands in the place of a personal value for those who may not see it. Nothing tells what the value is.',
});
export type Masked = z.infer<typeof Masked>;

/** The one mark for all masked values. */
export const masked: Masked = Object.freeze({ masked: true });

/** A value as JSON has it, with `masked` wherever it says `erased`. */
export const maskedInsteadOfErased = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_key, each: unknown) => (isErased(each) ? masked : each));

import { z } from 'zod';

/** The highest position that a log can have: that of a signed 64-bit number. */
export const MAX_POSITION = 9_223_372_036_854_775_807n;

/** A place in the log, as a decimal string: JSON's numbers would lose digits. */
export const Position = z
  .string()
  .regex(/^\d{1,19}$/, { error: 'is not a position such as "1234"' })
  .refine((text) => !/^\d{1,19}$/.test(text) || BigInt(text) <= MAX_POSITION, { error: 'is beyond every position' })
  .meta({ id: 'Position', description: 'A place in the log, as a decimal string.', examples: ['1234'] });

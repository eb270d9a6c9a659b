import { z } from 'zod';
import { Day, TimeZone, dayOf } from '#platform/kernel/calendar.js';
import { InvalidInput } from '#platform/kernel/errors.js';
import { CurrencyCode, ExactDecimal, compare } from '#platform/kernel/money.js';
import { segmentCells } from './rfm-segments.js';

const bounds = (unit: string) =>
  z
    .string()
    .max(250)
    .transform((text) => text.split(','))
    .pipe(z.array(ExactDecimal).length(4))
    // A step of its own: what is no number is refused before it would be compared.
    .pipe(
      z.array(z.string()).refine((list) => list.every((bound, i) => i === 0 || compare(list[i - 1]!, bound) <= 0), {
        error: 'must not fall from one bound to the next',
      }),
    )
    .optional()
    .describe(`Four rising bounds in ${unit}, with commas between; for the method fixed`);

/** What every question about RFM asks: as of when, in which currency, against which bounds. */
export const rfmParameters = {
  day: Day.optional().describe('Only days before this one count; today in the zone when absent'),
  zone: TimeZone.default('UTC').describe('Whose today is meant when day is absent'),
  currency: CurrencyCode,
  method: z
    .enum(['independent', 'fixed'])
    .default('independent')
    .describe('independent: quintiles of each figure over all customers; fixed: the bounds given'),
  recencyBounds: bounds('days'),
  frequencyBounds: bounds('orders'),
  monetaryBounds: bounds('the currency'),
};

type RfmParameters = z.infer<z.ZodObject<typeof rfmParameters>>;

/** The day that is meant. */
export const businessDay = ({ day, zone }: Pick<RfmParameters, 'day' | 'zone'>, now: Date): string =>
  day ?? dayOf(now, zone);

/** The first six parameters of `scores`. @throws InvalidInput when the bounds do not go with the method. */
export function scoreParameters(parameters: RfmParameters, day: string): unknown[] {
  const { currency, method } = parameters;
  const given = (['recencyBounds', 'frequencyBounds', 'monetaryBounds'] as const).map((name) => {
    const value = parameters[name];
    if (method === 'fixed' && !value) throw new InvalidInput([{ pointer: `/${name}`, message: 'fixed needs it' }]);
    if (method !== 'fixed' && value) {
      throw new InvalidInput([{ pointer: `/${name}`, message: 'goes with the method fixed only' }]);
    }
    return value ?? null;
  });
  return [day, currency, segmentCells(), ...given];
}

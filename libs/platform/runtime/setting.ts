import { z } from 'zod';

/** Whether a text is an address of one of these schemes. */
export const isUrl =
  (...schemes: string[]) =>
  (text: string): boolean =>
    URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1));

/** A whole number, written in digits. */
export const whole = (least: number, most: number): z.ZodType<number> =>
  z
    .string()
    .refine((text) => /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most, {
      error: `is not a whole number from ${least} to ${most}`,
    })
    .transform(Number);

/** Words between commas; empty ones are left out. */
export const words = z.string().transform((text) =>
  text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== ''),
);

/** What a setting is about: the chapters of the reference, in their order. */
export const AREAS = [
  'databases',
  'kafka',
  'http',
  'sign-in',
  'limits',
  'policies',
  'snapshots',
  'observability',
  'command line',
] as const;
export type Area = (typeof AREAS)[number];

/** One variable of the environment: what it may be, what counts when it is not set, and what it is for. */
export interface Setting<Value = unknown> {
  readonly area: Area;
  readonly schema: z.ZodType<Value>;
  readonly otherwise?: Value;
  readonly meaning: string;
  /** Its value is shown nowhere: it may hold a password. */
  readonly secret?: boolean;
}

export const setting = <Value>(given: Setting<Value>): Setting<Value> => given;
export const required = <Value>(given: Setting<Value> & { otherwise: Value }): Setting<Value> & { otherwise: Value } =>
  given;

import { z } from 'zod';

/**
 * What stands in the place of a personal value that was erased. Something was, or may have been, there, so it counts as
 * present; what it was nobody can tell. `{"erased":true}` in JSON, for good.
 */
export const Erased = z
  .strictObject({ erased: z.literal(true) })
  .meta({ id: 'Erased', description: 'Stands in the place of a personal value that was erased' });
export type Erased = z.infer<typeof Erased>;

/** The one mark for all erased values. */
export const erased: Erased = Object.freeze({ erased: true });

/** True for the mark of an erased value, also where it came through JSON. */
export const isErased = (value: unknown): value is Erased =>
  typeof value === 'object' && value !== null && (value as Partial<Erased>).erased === true;

/** The value; undefined where it was erased or is not there. */
export const readable = <T>(value: T | Erased): T | undefined => (isErased(value) ? undefined : value);

/** The schema of an answer's field that may have been erased. */
export const orErased = <S extends z.ZodType>(schema: S): z.ZodUnion<[S, typeof Erased]> => z.union([schema, Erased]);

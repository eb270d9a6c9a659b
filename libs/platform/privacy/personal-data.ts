import { erased } from '#platform/kernel/erased.js';
import type { EventContract, EventVersion, RetentionClass } from '#platform/kernel/event-contract.js';

/** The fields of one retention class; of `reason`, the reason. */
export type PersonalFields = Record<string, unknown>;

/** Parts by class, in the order in which they are stored. */
export type PersonalParts = readonly (readonly [RetentionClass, PersonalFields])[];

/** What an event says, taken apart: its open fields, and its personal ones by class. */
export function takeApart(
  { personalParts, personalFields }: EventContract<any>,
  data: Record<string, unknown>,
  reason: string | undefined,
): { open: Record<string, unknown>; parts: PersonalParts } {
  const parts: [RetentionClass, PersonalFields][] = [];
  for (const { retention, fields } of personalParts) {
    let part: PersonalFields | undefined;
    for (const name of fields) {
      if (data[name] !== undefined) (part ??= {})[name] = data[name];
    }
    if (part) parts.push([retention, part]);
  }
  if (reason !== undefined) parts.push(['reason', { reason }]);
  if (personalFields.length === 0) return { open: data, parts };
  const open = { ...data };
  for (const name of personalFields) delete open[name];
  return { open, parts };
}

/** The text of parts in plaintext; null without any. */
export const plainText = (parts: PersonalParts): string | null =>
  parts.length === 0
    ? null
    : `{"sealed":0,"parts":{${parts.map(([retention, fields]) => `"${retention}":${JSON.stringify(fields)}`).join(',')}}}`;

/**
 * The parts of a stored text in plaintext.
 * @throws Error for another form
 */
export function plainParts(personalData: string): PersonalParts {
  const { sealed, parts } = JSON.parse(personalData) as { sealed?: unknown; parts?: Record<string, PersonalFields> };
  if (sealed !== 0 || !parts)
    throw new Error(`personal data in the form ${String(sealed)} are not known to this build`);
  return Object.entries(parts) as [RetentionClass, PersonalFields][];
}

/** The classes that a stored text has parts of, whatever form they are in. */
export const classesIn = (personalData: string): readonly RetentionClass[] =>
  Object.keys((JSON.parse(personalData) as { parts: object }).parts) as RetentionClass[];

/**
 * Marks the fields of these classes as erased. All that an event of its version may have: which of them were there is not
 * known any more, and what was erased counts as present.
 */
export function markErased(
  version: Pick<EventVersion, 'personalParts'> | undefined,
  data: Record<string, unknown>,
  classes: readonly RetentionClass[],
): void {
  for (const { retention, fields } of version?.personalParts ?? []) {
    if (classes.includes(retention)) for (const name of fields) data[name] = erased;
  }
}

import { z } from 'zod';
import { dayOf, pastDays } from './calendar.js';
import { InvalidInput, type InputIssue } from './errors.js';

/** Of a list's elements, of a record's values. */
const EACH = Symbol('each');
type Path = readonly (string | typeof EACH)[];

/** Somewhere on earth a day begins so long before it does in UTC. */
const EARLIEST_ZONE_MS = 14 * 3_600_000;

/** Where in an input the days are that must have come; found once, in the schema. */
export class DayPaths {
  readonly paths: readonly Path[];

  constructor(schema: z.ZodType) {
    this.paths = pathsIn(schema, new Set());
  }

  /** @throws InvalidInput that names the days which are after this instant, in every zone */
  assertCome(input: unknown, at: Date): void {
    if (this.paths.length === 0) return;
    const issues: InputIssue[] = [];
    const latest = dayOf(new Date(at.getTime() + EARLIEST_ZONE_MS), 'UTC');
    for (const path of this.paths) collect(input, path, '', latest, issues);
    if (issues.length > 0) throw new InvalidInput(issues, 'a day lies ahead that must have come');
  }
}

function collect(value: unknown, path: Path, pointer: string, latest: string, issues: InputIssue[]): void {
  if (value === undefined || value === null) return;
  const [step, ...rest] = path;
  if (step === undefined) {
    if (typeof value === 'string' && value > latest) {
      issues.push({ pointer, message: `is after ${latest}, the day on which it is told` });
    }
  } else if (step === EACH) {
    for (const [key, each] of Object.entries(value)) collect(each, rest, `${pointer}/${key}`, latest, issues);
  } else collect((value as Record<string, unknown>)[step], rest, `${pointer}/${step}`, latest, issues);
}

function pathsIn(schema: z.ZodType, above: ReadonlySet<z.ZodType>): Path[] {
  if (pastDays.get(schema)?.past) return [[]];
  // A schema that holds itself ends here.
  if (above.has(schema)) return [];
  const seen = new Set([...above, schema]);
  const { def } = schema as unknown as { def: Record<string, any> };
  const below = (prefix: Path, inner: z.ZodType): Path[] => pathsIn(inner, seen).map((path) => [...prefix, ...path]);
  switch (def['type']) {
    case 'object':
      return Object.entries<z.ZodType>(def['shape']).flatMap(([name, inner]) => below([name], inner));
    case 'array':
      return below([EACH], def['element']);
    case 'record':
      return below([EACH], def['valueType']);
    case 'union':
      return (def['options'] as z.ZodType[]).flatMap((option) => below([], option));
    case 'pipe':
      return below([], def['out']);
    case 'lazy':
      return below([], def['getter']());
    default:
      return def['innerType'] ? below([], def['innerType']) : [];
  }
}

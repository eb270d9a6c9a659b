import { z } from 'zod';
import { InvalidInput, type InputIssue } from './errors.js';
import { pointer } from './json-pointer.js';
import { findUnsafeInput } from './unsafe-input.js';

const MAX_ISSUES = 50;

/** What zod found, as pointers into the input; an unknown field is named itself. */
export function issuesOf(error: z.core.$ZodError): InputIssue[] {
  const issues: InputIssue[] = [];
  for (const issue of error.issues) collect(issue, [], issues);
  return issues.slice(0, MAX_ISSUES);
}

function collect(issue: z.core.$ZodIssue, above: readonly PropertyKey[], into: InputIssue[]): void {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) into.push({ pointer: pointer([...path, key]), message: 'is not a known field' });
  } else if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The branch with the fewest complaints is most likely the one that was meant.
    const [nearest] = issue.errors.toSorted((a, b) => a.length - b.length);
    for (const inner of nearest!) collect(inner, path, into);
    if (nearest!.length === 0) into.push({ pointer: pointer(path), message: issue.message });
  } else if (issue.code === 'invalid_key' || issue.code === 'invalid_element') {
    for (const inner of issue.issues) collect(inner, path, into);
  } else into.push({ pointer: pointer(path), message: issue.message });
}

/**
 * The schema with unknown fields refused.
 * @throws Error naming the place where an inner object admits unknown fields, so that no such route is ever mounted.
 */
export function strict(schema: z.ZodObject<any>, name: string): z.ZodObject<any> {
  const outer = isStrict(schema) ? schema : schema.strict();
  const seen = new Set<unknown>();
  const check = (inner: z.core.$ZodType, place: string): void => {
    if (seen.has(inner)) return;
    seen.add(inner);
    const def = inner._zod.def as any;
    if (def.type === 'object' && !isStrict(inner as z.ZodObject)) {
      throw new Error(`${name}: the object at '${place || '/'}' admits unknown fields; use z.strictObject`);
    }
    if (def.type === 'object') for (const key in def.shape) check(def.shape[key], `${place}/${key}`);
    for (const part of ['element', 'innerType', 'valueType', 'left', 'right', 'in', 'out', 'rest']) {
      if (def[part]?._zod) check(def[part], `${place}${part === 'element' || part === 'valueType' ? '/*' : ''}`);
    }
    for (const option of def.options ?? def.items ?? []) check(option, place);
    if (def.type === 'lazy') check(def.getter(), place);
  };
  check(outer, '');
  return outer;
}

const isStrict = (schema: z.ZodObject): boolean => schema._zod.def.catchall?._zod.def.type === 'never';

/** The body as its schema gives it. @throws InvalidInput with a pointer for each thing that is wrong. */
export function validated(schema: z.ZodObject<any>, body: unknown): any {
  const hostile = findUnsafeInput(body);
  if (hostile) throw new InvalidInput([hostile]);
  const parsed = schema.safeParse(body ?? {});
  if (!parsed.success) throw new InvalidInput(issuesOf(parsed.error));
  return parsed.data;
}

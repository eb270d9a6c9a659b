import { canonicalJson } from '#platform/kernel/canonical-json.js';
import { isErased } from '#platform/kernel/erased.js';
import { pointer } from '#platform/kernel/json-pointer.js';

/** One step into a value: a field by its name, a place in a list, or an item of a list by what names it. */
export type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'place'; readonly at: number }
  /** `by` is the field of the item that has the value; empty: the item itself is the value. */
  | { readonly kind: 'item'; readonly by: string; readonly is: string | number };

/** A place where two values of JSON differ. */
export interface Difference {
  readonly path: readonly Step[];
  /** Absent: it was not there. */
  readonly before?: unknown;
  /** Absent: it is not there any more. */
  readonly after?: unknown;
}

/** Fields that name the items of a list, where each item has another value of it; the first that does is taken. */
const NAMING = ['id', 'line', 'number', 'position', 'name', 'currency', 'invoice', 'return'] as const;

/**
 * Where two values of JSON differ, as deep as they have fields or items in common. Items of a list are compared by what
 * names them (see `naming`), and the places where they stand are not; of another list place by place.
 */
export function* differences(
  before: unknown,
  after: unknown,
  path: readonly Step[] = [],
): Generator<Difference, void, undefined> {
  if (before === after) return;
  if (Array.isArray(before) && Array.isArray(after)) yield* ofLists(before, after, path);
  else if (isRecord(before) && isRecord(after)) yield* ofRecords(before, after, path);
  else if (textOf(before) !== textOf(after)) yield { path, ...given({ before, after }) };
}

function* ofRecords(before: Fields, after: Fields, path: readonly Step[]): Generator<Difference, void, undefined> {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    yield* differences(fieldOf(before, name), fieldOf(after, name), [...path, { kind: 'field', name }]);
  }
}

function* ofLists(
  before: readonly unknown[],
  after: readonly unknown[],
  path: readonly Step[],
): Generator<Difference, void, undefined> {
  const by = naming(before, after);
  if (by === undefined) {
    for (let at = 0; at < Math.max(before.length, after.length); at++) {
      yield* differences(before[at], after[at], [...path, { kind: 'place', at }]);
    }
    return;
  }
  const [earlier, later] = [itemsBy(by, before), itemsBy(by, after)];
  for (const is of new Set([...earlier.keys(), ...later.keys()])) {
    yield* differences(earlier.get(is), later.get(is), [...path, { kind: 'item', by, is }]);
  }
}

/**
 * By what the items of two lists are named: by a field of theirs, or by themselves where they are texts or numbers (then
 * it is the empty name). Undefined where two of one list would have one name.
 */
export function naming(before: readonly unknown[], after: readonly unknown[]): string | undefined {
  return ['', ...NAMING].find((by) => areNamed(before, by) && areNamed(after, by));
}

function areNamed(items: readonly unknown[], by: string): boolean {
  const names = new Set<unknown>();
  for (const item of items) {
    const name = nameOf(item, by);
    if (name === undefined) return false;
    names.add(name);
  }
  return names.size === items.length;
}

function nameOf(item: unknown, by: string): string | number | undefined {
  const name = by === '' ? item : isRecord(item) ? fieldOf(item, by) : undefined;
  return typeof name === 'string' || typeof name === 'number' ? name : undefined;
}

/** The items of a list by their names; of two with one name the first. */
export function itemsBy(by: string, items: readonly unknown[]): Map<string | number, unknown> {
  const named = new Map<string | number, unknown>();
  for (const item of items) {
    const name = nameOf(item, by);
    if (name !== undefined && !named.has(name)) named.set(name, item);
  }
  return named;
}

/**
 * A path as a JSON pointer. An item that is named stands in it as `<field>=<value>`, as the place where it stands may be
 * another one before and after: `/lines/line=2/quantity`, `/tags/=vip`.
 */
export const pointerOf = (path: readonly Step[]): string =>
  pointer(
    path.map((step) =>
      step.kind === 'field' ? step.name : step.kind === 'place' ? step.at : `${step.by}=${String(step.is)}`,
    ),
  );

type Fields = Readonly<Record<string, unknown>>;

/** An object with fields; the mark of a value that was erased or is masked has none. */
export const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isErased(value) && !isMasked(value);

const isMasked = (value: object): boolean => (value as { masked?: unknown }).masked === true;

/** A field of the object itself, never one that all objects have. */
export const fieldOf = (value: Fields, name: string): unknown => (Object.hasOwn(value, name) ? value[name] : undefined);

/** Without what is not there. */
const given = (values: { before: unknown; after: unknown }): { before?: unknown; after?: unknown } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** A value as JSON has it: what stands in an answer. */
export const jsonOf = (value: unknown): unknown =>
  value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);

/** A value of JSON as a text that only equal ones share; undefined where there is none. */
export const textOf = (value: unknown): string | undefined => (value === undefined ? undefined : canonicalJson(value));

import type { z } from 'zod';
import type { Role } from '#platform/kernel/command.js';

/** Runs SQL on the read models. Table names are the entities' own; parameters are `$1`, `$2`, … */
export interface ReadModels {
  /** Rows with bigint as bigint-free strings, numeric as string, date as `YYYY-MM-DD`, timestamptz as Date. */
  rows<Row = Record<string, any>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** The same for heavy queries: on connections of their own, where nothing light waits behind them. */
  readonly heavy?: ReadModels;
}

export interface Page<Item> {
  items: Item[];
  /** Keyset of the last item when there are more; the shell encrypts it into the `next` cursor. */
  next?: readonly (string | number)[];
}

export interface QueryContext {
  readonly read: ReadModels;
  /** The keyset that the caller's cursor carried, verified. */
  readonly after?: readonly (string | number)[];
  readonly now: Date;
}

/**
 * One question: its route, its parameters, its answer. The shell adds to each query `minPosition` (waits until the
 * read models hold it), `cursor` where `paged`, and answers `{ data, freshness: { position, recordedAt }, next? }`.
 * `data` is what `run` gives; of a paged query, its items.
 */
export interface QueryDefinition<Parameters = any, Answer = any> {
  readonly name: string;
  readonly summary: string;
  /** `GET /v1/customers/:id` */
  readonly path: string;
  readonly allowed: readonly Role[];
  /** Path and query-string parameters, from strings: use z.coerce where needed. */
  readonly parameters: z.ZodObject<any>;
  readonly answer: z.ZodType;
  readonly paged: boolean;
  /** The projections it reads: what `minPosition` waits for and freshness speaks of. */
  readonly reads: readonly string[];
  /** It may look at everybody: only a few of these run at once, and no light query waits behind them. */
  readonly heavy: boolean;
  run(parameters: Parameters, context: QueryContext): Promise<Answer | Page<any>>;
}

/** Defines a query whose answer is one value. `run` throws NotFound where there is nothing. */
export function query<P extends z.ZodObject<any>, A extends z.ZodType>(definition: {
  name: string;
  summary: string;
  route: string;
  allowed: readonly Role[];
  parameters: P;
  answer: A;
  reads: readonly string[];
  /** Absent: it is, unless its path names what it is about. */
  heavy?: boolean;
  run: (parameters: z.infer<P>, context: QueryContext) => Promise<z.infer<A>>;
}): QueryDefinition<z.infer<P>, z.infer<A>> {
  const path = pathOf(definition.name, definition.route);
  return { ...definition, path, paged: false, heavy: definition.heavy ?? !path.includes('/:') };
}

/** Defines a query whose answer is a list in pages; `item` is the schema of one item. */
export function pagedQuery<P extends z.ZodObject<any>, A extends z.ZodType>(definition: {
  name: string;
  summary: string;
  route: string;
  allowed: readonly Role[];
  parameters: P;
  item: A;
  reads: readonly string[];
  /** Absent: it is not, as a page is found by its key. */
  heavy?: boolean;
  run: (parameters: z.infer<P>, context: QueryContext) => Promise<Page<z.infer<A>>>;
}): QueryDefinition<z.infer<P>, any> {
  const { item, heavy = false, ...rest } = definition;
  return { ...rest, answer: item, path: pathOf(definition.name, definition.route), paged: true, heavy };
}

function pathOf(name: string, route: string): string {
  const [method, path] = route.split(' ');
  if (method !== 'GET' || !path?.startsWith('/')) throw new Error(`${name}: the route is not of the form 'GET /path'`);
  return path;
}

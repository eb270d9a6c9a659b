import type { z } from 'zod';
import type { Role } from '#platform/kernel/command.js';
import type { Point } from '../as-of/point.js';
import type { Projection } from './projection.js';

/** Runs SQL on the read models. Table names are the entities' own; parameters are `$1`, `$2`, … */
export interface ReadModels {
  /**
   * Rows with bigint as bigint-free strings, numeric as string, date as `YYYY-MM-DD`, timestamptz as Date; a personal
   * value that was erased is `erased`.
   */
  rows<Row = Record<string, any>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** SQL about the state of these projections. Absent: states cannot be told apart, and nothing may be reused. */
  readonly states?: (projections: readonly Projection[]) => States;
}

/** SQL about the state of some projections, as the statement that it stands in sees them. */
export interface States {
  /** A text that names the state. */
  readonly now: string;
  /**
   * Of an earlier state, given as SQL: the position beyond which stand all events that have changed rows since; below 0
   * where rows were changed by others, such as a rebuild, and where that state is ahead of this one. Rows that keep the position of their last event tell by it
   * whether they have changed.
   */
  readonly changedAfter: (earlier: string) => string;
}

export interface Page<Item> {
  items: Item[];
  /** Keyset of the last item when there are more; the shell encrypts it into the `next` cursor. */
  next?: readonly (string | number)[];
}

/** What a query of the log is given beside its parameters. */
export interface LogQueryContext {
  /** The keyset that the caller's cursor carried, verified. */
  readonly after?: readonly (string | number)[];
  /** What stands for now: of a question about the past, that of then. */
  readonly now: Date;
  /** Of the log, only events up to there count; absent: all there are. */
  readonly through?: bigint;
  /** The reader may not see personal values. What an answer's schema declares as personal is masked by the shell. */
  readonly isMasked?: boolean;
  /**
   * The point that a parameter names, in any of the forms that `asOf` takes; it refuses the parameter by its name. Absent
   * where nobody is there who understands them.
   */
  readonly pointOf?: (text: string, parameter: string) => Promise<Point>;
}

/** What a query of read models is given beside its parameters. */
export interface QueryContext extends LogQueryContext {
  readonly read: ReadModels;
  /** It may look at everybody: it has its turn among the heavy ones, and more time. */
  readonly isHeavy: boolean;
}

/** A query that is light as a rule has to look at everybody this time: it is asked again, whole, among the heavy ones. */
export class HeavyNeeded extends Error {
  constructor() {
    super('this has to look at everybody');
  }
}

/** Where projections stand: by name and partition, the position through which every event is in their rows. */
export type Checkpoints = ReadonlyMap<string, ReadonlyMap<number, bigint>>;

/** What was read in one snapshot. */
export interface Snapshotted<T> {
  readonly answer: T;
  /** Where the projections stood. */
  readonly checkpoints: Checkpoints;
  /** The versions that made their rows: while a newer one is being built, it is not that of the code. */
  readonly versions: ReadonlyMap<string, number>;
  /** Events that concern the answer were set aside: it may lack something, and is not to be had again. */
  readonly isIncomplete: boolean;
}

/** Where queries read: all statements of one see the same rows. */
export interface QuerySource {
  /**
   * Runs a query's work in one snapshot.
   * @param projections that it reads: `checkpoints` says where they stood, and no swap comes between
   * @param isHeavy on connections of their own, where nothing light waits behind it
   * @param subjects whom the answer concerns; absent: anybody
   * @throws what the work throws; BeingBuilt, TookTooLong
   */
  inSnapshot<T>(
    projections: readonly Projection[],
    isHeavy: boolean,
    work: (read: ReadModels) => Promise<T>,
    subjects?: (read: ReadModels) => Promise<readonly string[]> | undefined,
  ): Promise<Snapshotted<T>>;
}

/**
 * One question: its route, its parameters, its answer. The shell adds to each query `minPosition` (waits until the
 * read models hold it), `cursor` where `paged`, and answers `{ data, freshness: { position, recordedAt }, next? }`.
 * `data` is what `run` gives; of a paged query, its items.
 */
export interface QueryDefinition<Parameters = any, Answer = any> {
  readonly name: string;
  /** Raised when another answer comes of the same rows: an answer of before is then not given by this code. */
  readonly version: number;
  readonly summary: string;
  /** `GET /v1/customers/:id` */
  readonly path: string;
  readonly allowed: readonly Role[];
  /** Path and query-string parameters, from strings: use z.coerce where needed. */
  readonly parameters: z.ZodObject<any>;
  readonly answer: z.ZodType;
  readonly paged: boolean;
  /** The projections it reads. Empty: it asks the log, and needs no read models. */
  readonly projections: readonly Projection[];
  /** Their names: what `minPosition` waits for and freshness speaks of. */
  readonly reads: readonly string[];
  /** It may look at everybody: only a few of these run at once, and no light query waits behind them. */
  readonly heavy: boolean;
  /**
   * Whose rows it reads, where that is only some: as of a point in the past, these are folded from their events. It may
   * read tables that keep their history, no others. Undefined where the parameters name nobody.
   */
  readonly about?: About;
  /** It can be asked as of the past: what it reads is the log, or made of it. */
  readonly hasPast: boolean;
  /**
   * `declared`: what is personal in an answer, its schema says, and the shell masks it. `untyped`: the schema cannot say
   * it, and `run` masks by itself where it is told `isMasked`.
   */
  readonly personal: 'declared' | 'untyped';
  /** @throws Error when it reads projections and is given no read models */
  run(parameters: Parameters, context: LogQueryContext & Partial<QueryContext>): Promise<Answer | Page<any>>;
}

/** The subjects that parameters are about, as of what is read; undefined where they may be anybody. */
export type About<Parameters = any> = (
  parameters: Parameters,
  read: Pick<ReadModels, 'rows'>,
) => Promise<readonly string[]> | undefined;

/** Who may ask a query that does not say it otherwise. */
const READERS: readonly Role[] = ['analyst', 'service', 'auditor', 'privacy', 'admin'];

interface Definition<P extends z.ZodObject<any>, R extends readonly Projection[], Answer> {
  name: string;
  /** Absent: 1. */
  version?: number;
  summary: string;
  route: string;
  /** Absent: all who may read. */
  allowed?: readonly Role[];
  /** Absent: declared. */
  personal?: QueryDefinition['personal'];
  parameters: P;
  /** Absent: it asks the log, and is given no read models. */
  reads?: R;
  /** Absent: it may be anybody. */
  about?: About<z.infer<P>>;
  /** Absent: it has. False for what reads neither the log nor anything that is made of it. */
  hasPast?: boolean;
  run: (parameters: z.infer<P>, context: R extends readonly [] ? LogQueryContext : QueryContext) => Promise<Answer>;
}

const definitions = new WeakSet<object>();

/** Whether this is a query that `query` or `pagedQuery` defined. */
export const isQuery = (value: unknown): value is QueryDefinition =>
  typeof value === 'object' && value !== null && definitions.has(value);

/** Defines a query whose answer is one value. `run` throws NotFound where there is nothing. */
export function query<P extends z.ZodObject<any>, A extends z.ZodType, const R extends readonly Projection[] = []>(
  definition: Definition<P, R, z.infer<A>> & {
    answer: A;
    /** Absent: it is, unless its path names what it is about. */
    heavy?: boolean;
  },
): QueryDefinition<z.infer<P>, z.infer<A>> {
  const path = pathOf(definition.name, definition.route);
  return define(definition, { path, paged: false, answer: definition.answer, heavy: !path.includes('/:') });
}

/** Defines a query whose answer is a list in pages; `item` is the schema of one item. */
export function pagedQuery<P extends z.ZodObject<any>, A extends z.ZodType, const R extends readonly Projection[] = []>(
  definition: Definition<P, R, Page<z.infer<A>>> & {
    item: A;
    /** Absent: it is not, as a page is found by its key. */
    heavy?: boolean;
  },
): QueryDefinition<z.infer<P>, any> {
  const path = pathOf(definition.name, definition.route);
  return define(definition, { path, paged: true, answer: definition.item, heavy: false });
}

function define(
  definition: Omit<Definition<any, readonly Projection[], any>, 'run'> & {
    heavy?: boolean;
    run: (...given: any[]) => any;
  },
  shape: Pick<QueryDefinition, 'path' | 'paged' | 'answer' | 'heavy'>,
): QueryDefinition {
  const { name, version = 1, summary, allowed = READERS, personal = 'declared', parameters, about, run } = definition;
  const { reads: projections = [], hasPast = true } = definition;
  const defined: QueryDefinition = {
    name,
    version,
    summary,
    allowed,
    parameters,
    projections,
    about,
    hasPast,
    personal,
    reads: projections.map((each) => each.name),
    ...shape,
    heavy: definition.heavy ?? shape.heavy,
    run: (given, context) => {
      if (projections.length > 0 && !context.read) throw new Error(`${name} reads read models, and none are given`);
      return run(given, context);
    },
  };
  definitions.add(defined);
  return defined;
}

function pathOf(name: string, route: string): string {
  const [method, path] = route.split(' ');
  if (method !== 'GET' || !path?.startsWith('/')) throw new Error(`${name}: the route is not of the form 'GET /path'`);
  return path;
}

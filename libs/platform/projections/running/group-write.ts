import { isUnavailable, StatementFailed, type Pipeline } from '#platform/postgres/pool.js';
import { encodeArray } from '#platform/postgres/arrays.js';
import { writeStatements, type BuildWrite } from '../tables/write-statement.js';
import { CheckpointsHeld, StaleWriter } from './writer-errors.js';

/** Why a build could not be written together with the others. */
export interface Refusal<W> {
  readonly write: W;
  readonly error: unknown;
}

/** An operation holds the build's checkpoints. */
const LOCKED = '55P03';
/** A fence was lost; two writers waited for each other. */
const MOVED = new Set(['YD412', '40P01', '40001']);

const codeOf = (error: unknown): string => (error as { code?: string } | null)?.code ?? '';

/**
 * Writes builds in one transaction, sent at once. Those that it cannot be done with are taken out and the others
 * written without them.
 * @returns the ones that were not written, and why
 * @throws the database's error where it is about all of them: none of them may be written then, or all are
 */
export async function writeTogether<W extends BuildWrite>(
  pipeline: Pipeline,
  writes: readonly W[],
): Promise<Refusal<W>[]> {
  const refused: Refusal<W>[] = [];
  let vain = 0;
  for (let rest = writes; rest.length > 0;) {
    const statements = writeStatements(rest);
    try {
      await pipeline.transaction(statements.map(({ query }) => query));
      break;
    } catch (failure) {
      const error = failure instanceof StatementFailed ? failure.cause : failure;
      const of = failure instanceof StatementFailed ? statements[failure.at]?.build : undefined;
      const found = of && !isGone(error) ? [{ write: of as W, error }] : await inTheWay(pipeline, rest, error);
      // What stood in the way may be gone when it is looked for.
      if (found.length === 0 && !(isFence(error) && vain++ < 3)) throw error;
      refused.push(...found);
      const out = new Set(found.map(({ write }) => write));
      rest = rest.filter((write) => !out.has(write));
    }
  }
  return refused;
}

/** About the server or the connection; a lock that was not free in time is about a build. */
const isGone = (error: unknown): boolean => isUnavailable(error) && codeOf(error) !== LOCKED;

const isFence = (error: unknown): boolean => codeOf(error) === LOCKED || MOVED.has(codeOf(error));

/** The builds whose checkpoints are not what their writers believe, or are held by somebody. */
async function inTheWay<W extends BuildWrite>(
  pipeline: Pipeline,
  writes: readonly W[],
  error: unknown,
): Promise<Refusal<W>[]> {
  if (!isFence(error)) return [];
  const { rows } = await pipeline.query({
    name: 'checkpoints',
    text: `select projection, generation, partition, position::text, epoch from projections.checkpoints
      where (projection, generation) in (select * from unnest($1::text[], $2::int4[])) for no key update skip locked`,
    values: [
      encodeArray(
        'text',
        writes.map(({ target }) => target.projection),
      ),
      encodeArray(
        'int4',
        writes.map(({ target }) => target.generation),
      ),
    ],
  });
  const found = new Map(
    rows.map((row) => [
      `${row.projection} ${row.generation} ${row.partition}`,
      { epoch: row.epoch as number, position: BigInt(row.position) },
    ]),
  );
  const refusals: Refusal<W>[] = [];
  for (const write of writes) {
    const { target, checkpoints } = write;
    const at = checkpoints.partitions.map((partition) =>
      found.get(`${target.projection} ${target.generation} ${partition}`),
    );
    const isLocked = at.some((each) => each === undefined);
    const isMoved = at.some(
      (each, n) => each && (each.epoch !== target.epoch || each.position !== checkpoints.from[n]),
    );
    if (isMoved) refusals.push({ write, error: new StaleWriter(`a checkpoint of ${target.projection} moved`) });
    else if (isLocked) refusals.push({ write, error: new CheckpointsHeld(target.projection) });
  }
  return refusals;
}

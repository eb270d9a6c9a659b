import { createIndexes, dropBuild, type Build } from './builds.js';
import { fill, type FillOptions } from './fill.js';
import { FILLING, whileFilling } from './half-built.js';
import type { ProjectionRuntime } from './projection-runtime.js';
import { BuildWriter, type Model } from '../running/build-writer.js';

/**
 * Builds a projection as of a past position into a schema of that name, to be read by SQL and dropped later.
 * @throws Error when the schema exists, or the log does not reach the position
 */
export async function buildAsOf(
  runtime: ProjectionRuntime,
  model: Model,
  position: bigint,
  schema: string,
  options: FillOptions = {},
): Promise<Build> {
  if (!/^[a-z][a-z0-9_]{0,50}$/.test(schema)) {
    throw new Error(`'${schema}' is not a name for a scratch schema: lower-case letters, digits and _, at most 51`);
  }
  const { pool, log } = runtime;
  const head = (await log.store.head()).position;
  if (position > head) throw new Error(`the log ends at ${head}, before ${position}`);
  const note = `as of ${position}`;
  return whileFilling(runtime, [model], { schema, note: `${FILLING}${note}` }, async ([build]) => {
    try {
      const writer = new BuildWriter(pool, model, runtime.decoded, { bulk: true });
      await writer.load(build!.generation);
      const targets = new Map([...writer.checkpoints.keys()].map((partition) => [partition, position]));
      const stopped = await fill(log, [{ writer, targets }], options);
      for (const newer of stopped.values()) throw newer;
      await createIndexes(pool, model.shapes, build!.schema, options.signal);
      await pool.query(`update projections.builds set note = $3 where projection = $1 and generation = $2`, [
        build!.projection,
        build!.generation,
        note,
      ]);
      return { ...build!, note };
    } catch (error) {
      await dropBuild(pool, build!);
      throw error;
    }
  });
}

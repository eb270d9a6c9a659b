import { buildsOf, withStatus, type Build } from './builds.js';
import { inTheLog } from './compare-at-live.js';
import { exclusively } from './half-built.js';
import type { WaitOptions } from './lock-waits.js';
import type { ProjectionRuntime } from './projection-runtime.js';
import { swap, toHead } from './swap.js';
import { thisOperator, type SwapGrounds } from './swap-records.js';
import { BuildWriter, type Model } from '../running/build-writer.js';

/**
 * Makes the kept build live again, after it has caught up with the log.
 * @throws Error where none is kept, it is of another version, or holds what the log does not have; NewerEvent where it
 *   has to wait for newer code; BeingRebuilt
 */
export async function swapBack(
  runtime: ProjectionRuntime,
  model: Model,
  options: WaitOptions & { by?: string; reason?: string } = {},
): Promise<Build> {
  const { name, version } = model.projection;
  return exclusively(runtime.pool, 'rebuild', [model], async () => {
    const previous = withStatus(await buildsOf(runtime.pool, name), 'previous');
    if (!previous) throw new Error(`${name} has no previous build to swap back to`);
    if (previous.version !== version) {
      throw new Error(
        `the previous build of ${name} is of version ${previous.version}; run the code of that version to swap back`,
      );
    }
    const writer = new BuildWriter(runtime.pool, model, runtime.decoded);
    await writer.load(previous.generation);
    const { lost } = await inTheLog(runtime.log, writer.checkpoints);
    if (lost) {
      throw new Error(
        `the previous build of ${name} stands at ${lost.checkpoint}, which is not in the log (its head is ${lost.head}): it holds events that the log does not have; rebuild instead`,
      );
    }
    await toHead(runtime.log, writer, options.signal);
    const grounds: SwapGrounds = { kind: 'swap-back', by: options.by ?? thisOperator(), reason: options.reason };
    await swap(runtime.pool, runtime.log, writer, previous, grounds, options);
    return previous;
  });
}

import { projections, queries } from '#analytical/index.js';
import { eventContracts } from '#contracts/index.js';
import { commands, resources } from '#operational/index.js';
import type { Definitions } from '#platform/runtime/composition.js';

/** All that Yad consists of beside the platform: what the apps, the command line and the tests run. */
export const definitions: Definitions = { events: eventContracts, commands, resources, projections, queries };

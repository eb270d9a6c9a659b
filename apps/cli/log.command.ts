import type { Command } from 'commander';
import { adoptRelayState } from '#platform/event-bus/relay/postgres-relay-state.js';
import { continueLog, describeLog, forkLog } from '#platform/event-store/postgres/log-admin.js';
import { createPool, inTransaction, type PoolClient } from '#platform/postgres/pool.js';
import { adoptPolicies } from '#platform/policies/log-guard.js';
import { adoptReadModels } from '#platform/projections/builds/log-guard.js';
import { adoptKeys } from '#platform/witness/log-witness.js';
import { databases } from './database.js';

/** Adds `yad log show|continue|fork`: which log a database holds, and what became of it after a move or a restore. */
export function addLogCommands(program: Command): void {
  const log = program.command('log').description('which log this is, and what became of it');
  log
    .command('show')
    .description('the log’s id, its head and its incarnations')
    .action(() => withLog(show));
  log
    .command('continue')
    .description('says that the log goes on in this database: after a move to another server, or a restore')
    .option('--restored', 'its folder was put back from a copy on the same server, which the server cannot tell')
    .action(({ restored }: { restored?: true }) =>
      withLog(async (client) => {
        await continueLog(client, restored ?? false);
        await show(client);
      }),
    );
  log
    .command('fork')
    .description('says that this database is a copy beside a log that goes on elsewhere: it becomes a log of its own')
    .action(() =>
      withLog(async (client) => {
        const { from, to } = await forkLog(client);
        await adoptRelayState(client, from, to);
        await adoptPolicies(client, from, to);
        // In one transaction where they lie in one database. Elsewhere first, so that a failure leaves the log as it was.
        const { store, readModels, keys } = databases(undefined, 'owner');
        for (const [url, adopt] of [
          [readModels, adoptReadModels],
          [keys, adoptKeys],
        ] as const) {
          if (url === store) await adopt(client, from, to);
          else await inDatabase(url, (other) => adopt(other, from, to));
        }
        console.log(`the copy of ${from} is the log ${to} from now on; give it a topic of its own (YAD_TOPIC)`);
        await show(client);
      }),
    );
}

/** One transaction over one connection: the store is not opened, as it waits for what is said here. */
async function withLog(work: (client: PoolClient) => Promise<void>): Promise<void> {
  const { store, eventStore } = databases(undefined, 'owner');
  if (eventStore !== undefined) {
    throw new Error('the log lies on KurrentDB (EVENT_STORE), which is moved and restored by its own tools');
  }
  await inDatabase(store, work);
}

async function inDatabase(url: string, work: (client: PoolClient) => Promise<void>): Promise<void> {
  const pool = createPool(url, { role: 'admin', max: 1, applicationName: 'yad log' });
  try {
    await inTransaction(pool, work);
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error;
    throw new Error(`${(error as Error).message}: this is for the owner of the tables to say`, { cause: error });
  } finally {
    await pool.end();
  }
}

async function show(client: PoolClient): Promise<void> {
  const { id, head, incarnations, writtenIn, liesIn } = await describeLog(client);
  console.log(`log ${id}\nhead ${head}`);
  for (const { number, forkedAt, beginsAt, reason, beganAt } of incarnations) {
    const fork = number === 1 ? '' : `, goes on from ${forkedAt}`;
    console.log(`incarnation ${number} from ${beginsAt} since ${beganAt.toISOString()}: ${reason}${fork}`);
  }
  if (writtenIn !== liesIn) {
    console.log(
      'it was written in another database: say `yad log continue` where it was moved or restored, `yad log fork` where it is a copy',
    );
  }
}

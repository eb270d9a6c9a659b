import type { Command } from 'commander';
import type { RetryResult } from '#platform/projections/dead-letters.js';
import { withAdmin } from './database.js';

/** Adds `yad dead-letters list|retry|discard`: events that a read model could not take, with those behind them. */
export function addDeadLetterCommands(program: Command): void {
  const letters = program.command('dead-letters').description('events that a read model could not take');
  letters
    .command('list [projection]')
    .description('lists them in order; those marked * failed, the others wait behind one of their subject')
    .action((projection?: string) =>
      withAdmin(async (admin) => {
        const found = await admin.deadLetters({ projection });
        for (const { projection: name, position, subject, eventType, error, cause } of found) {
          console.log([cause ? '*' : ' ', name, position, subject, eventType, cause ? error : 'waits'].join('\t'));
        }
        console.log(found.length === 0 ? 'none' : `${found.length} parked`);
      }),
    );
  letters
    .command('retry <projection> <subject>')
    .description("takes a subject's parked events again, in order")
    .action((projection: string, subject: string) =>
      withAdmin(async (admin) => tell(await admin.retry(projection, subject))),
    );
  letters
    .command('discard <projection> <subject>')
    .description('leaves out the first parked event of a subject for good, and takes the rest')
    .option('--all', 'leave out all of them')
    .action((projection: string, subject: string, { all }: { all?: true }) =>
      withAdmin(async (admin) => tell(await admin.discard(projection, subject, all ? 'all' : 'first'))),
    );
}

const tell = ({ applied, parked, discarded }: RetryResult): void =>
  console.log(`${applied} taken, ${parked} still parked, ${discarded} left out`);

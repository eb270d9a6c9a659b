import type { Command } from 'commander';
import type { DeadLetterPlace, RetryResult } from '#platform/projections/dead-letters/dead-letters.js';
import { withAdmin } from './database.js';
import { EXIT } from './exit-codes.js';
import { wholeNumber } from './options.js';

/** Adds `yad dead-letters list|retry|discard`: events that a read model could not take, with those behind them. */
export function addDeadLetterCommands(program: Command): void {
  const letters = program.command('dead-letters').description('events that a read model could not take');
  letters
    .command('list [projection]')
    .description('lists them in order; those marked * failed, the others wait behind one of their subject')
    .option('--subject <subject>', 'only those of this customer')
    .option('--causes', 'only those that failed')
    .option('--limit <number>', 'so many in one page', '100')
    .option('--after <place>', 'go on behind this place, as the page before says it: projection:position')
    .action((projection: string | undefined, given: ListFlags) => {
      const limit = wholeNumber('--limit', given.limit, 1, 10_000);
      const after = given.after === undefined ? undefined : placeOf(given.after);
      const filter = { projection, subject: given.subject, causesOnly: given.causes };
      return withAdmin(async (admin) => {
        const [total, found] = [
          await admin.countDeadLetters(filter),
          await admin.deadLetters({ ...filter, after, limit }),
        ];
        for (const { projection: name, position, subject, eventType, error, cause } of found) {
          console.log([cause ? '*' : ' ', name, position, subject, eventType, cause ? error : 'waits'].join('\t'));
        }
        const last = found.length === limit ? found.at(-1) : undefined;
        console.log(total === 0 ? 'none' : `${found.length} of ${total} parked`);
        if (last) console.log(`more, if there are: --after ${last.projection}:${last.position}`);
      });
    });
  letters
    .command('retry [projection] [subject]')
    .description("takes a subject's parked events again, in order; with --all those of all subjects")
    .option('--all', 'of all subjects, of the projection or, when none is named, of all')
    .action((projection: string | undefined, subject: string | undefined, { all }: { all?: true }) => {
      if (all ? subject !== undefined : subject === undefined)
        throw new Error('name a projection and a subject, or give --all (and, if you like, a projection)');
      return withAdmin(async (admin) => {
        if (!all) return tell(await admin.retry(projection!, subject!), subject!);
        const { subjects, failed, applied, parked } = await admin.retryAll(
          projection === undefined ? [] : [projection],
          ({ message }, name, of) => console.error(`${name} ${of}: ${message}`),
        );
        console.log(
          `${subjects} subjects: ${applied} events taken, ${parked} still parked, ${failed} subjects not retried`,
        );
        if (parked + failed > 0) process.exitCode = EXIT.found;
      });
    });
  letters
    .command('discard <projection> <subject>')
    .description('leaves out the first parked event of a subject for good, and takes the rest')
    .option('--all', 'leave out all of them')
    .action((projection: string, subject: string, { all }: { all?: true }) =>
      withAdmin(async (admin) => tell(await admin.discard(projection, subject, all ? 'all' : 'first'), subject)),
    );
}

interface ListFlags {
  subject?: string;
  causes?: true;
  limit: string;
  after?: string;
}

function placeOf(text: string): DeadLetterPlace {
  const [, projection, position] = /^([a-z][a-z0-9-]*):(\d{1,18})$/.exec(text) ?? [];
  if (!projection) throw new Error(`--after: '${text}' is not of the form projection:position`);
  return { projection, position: BigInt(position!) };
}

function tell({ applied, parked, discarded }: RetryResult, subject: string): void {
  if (applied + parked + discarded === 0) throw new Error(`nothing of ${subject} is parked`);
  console.log(`${applied} taken, ${parked} still parked, ${discarded} left out`);
  if (parked > 0) process.exitCode = EXIT.found;
}

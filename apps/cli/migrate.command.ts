import type { Command } from 'commander';
import { migrateDatabases, type MigratedDatabase } from '#platform/runtime/databases.js';
import { readSettings } from '#platform/runtime/environment.js';
import { definitions } from '../definitions.js';
import { databases } from './database.js';
import { EXIT } from './exit-codes.js';

const HELP = `
Run it as the owner of the tables, before a new version of the apps starts: DATABASE_URL (STORE_URL, READ_MODELS_URL,
KEYS_URL) name the owner's login for this one run. It runs what is missing, makes the roles <prefix>_app,
<prefix>_reader and <prefix>_auditor, and gives them their rights. It can be run again at any time.

Exits with ${EXIT.found} when roles are missing that this login may not make: it prints what somebody has to run who may.`;

/** Adds `yad migrate`: all that needs the owner of the tables, so that apps need none of it. */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('as the owner of the databases: makes tables and roles, and gives the roles their rights')
    .option('--roles <prefix>', 'what the names of the roles begin with, where several Yads share a server', 'yad')
    .option(
      '--login <name>',
      'who is to sign in as an app; made, with the password YAD_LOGIN_PASSWORD, where it is not there',
    )
    .addHelpText('after', HELP)
    .action(async ({ roles: prefix, login: name }: { roles: string; login?: string }) => {
      const environment = readSettings(process.env);
      const login = name === undefined ? undefined : { name, password: environment.YAD_LOGIN_PASSWORD };
      const where = databases(environment, 'owner');
      const { projections } = definitions;
      for await (const done of migrateDatabases({ databases: where, projections, prefix, login })) {
        tell(done);
        if (!done.roles.roles) process.exitCode = EXIT.found;
      }
    });
}

const WORDS = { store: 'log', readModels: 'read models', keys: 'keys' } as const;

function tell({ holds, run, roles, rightsChanged, handedOver, login }: MigratedDatabase): void {
  console.log(`${holds.map((each) => WORDS[each]).join(', ')}:`);
  console.log(run.length > 0 ? `  migrations run: ${run.join(', ')}` : '  no migration was missing');
  if (roles.roles) {
    console.log(roles.made.length > 0 ? `  roles made: ${roles.made.join(', ')}` : '  no role was missing');
    console.log(rightsChanged > 0 ? `  rights: ${rightsChanged} given anew` : '  rights: as they were');
    if (handedOver > 0) console.log(`  handed over to ${roles.roles.app}: ${handedOver} tables, views and schemas`);
    if (login !== undefined) console.log(`  ${login}`);
    return;
  }
  console.log('  roles are missing, and this login may not make them. Have somebody run, and migrate again:');
  for (const sql of roles.lacking) console.log(`    ${sql};`);
}

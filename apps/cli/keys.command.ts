import type { Command } from 'commander';
import { ApiKeyAdmin, type ListedKey, type NewKey } from '#platform/access/api-keys/api-key-admin.js';
import { ROLES, type Role } from '#platform/kernel/command.js';
import { databases } from './database.js';
import { durationGiven, instantAhead } from './options.js';

const HELP = `
A key signs in whoever sends it: Authorization: Bearer yad_…
The name is the actor of all that its holder does, for good. Roles: ${ROLES.join(', ')}.
Once the first key is made, requests without credentials are refused (401), in every process within seconds.

Examples:
  yad keys create --name shop --role service
  yad keys create --name reports --role analyst --expires 90d
  yad keys create --name support --role analyst --personal-data 'answering customers'
  yad keys rotate shop --keep-old 24h
  yad keys revoke shop`;

/** Adds `yad keys create|list|rotate|revoke`: what services and people sign in with. */
export function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description('API keys, which services and people sign in with');
  keys.addHelpText('after', HELP);
  keys
    .command('create')
    .description('makes a key and shows it, once: on standard output alone, all else on standard error')
    .requiredOption('--name <name>', 'whose it is: the actor of its events, for good')
    .requiredOption('--role <role...>', `what it may: ${ROLES.join(', ')}; several after one another`)
    .option('--expires <when>', 'a day or an instant, such as 2027-01-01, or how long from now on, such as 90d or 12h')
    .option('--personal-data <purpose>', 'it sees personal values at any time, for this purpose')
    .option('--same-holder', 'the name was used before, and this is the same holder')
    .action((given: CreateFlags) =>
      withKeys(async (admin) => {
        const { name, role, expires, personalData, sameHolder } = given;
        const expiresAt = expires === undefined ? undefined : instantAhead('--expires', expires);
        const personalDataFor = personalData === undefined ? undefined : purposeGiven(personalData);
        tell(await admin.create({ name, roles: role.map(roleGiven), expiresAt, personalDataFor, sameHolder }));
      }),
    );
  keys
    .command('list')
    .description('lists the keys of all: name, id, roles, made, expires, last used (to some minutes), state')
    .action(() =>
      withKeys(async (admin) => {
        const all = await admin.list();
        for (const line of columns([TITLES, ...all.map(lineOf)])) console.log(line);
        if (all.length === 0) console.log('none: requests from this machine without credentials act as developer');
      }),
    );
  keys
    .command('rotate <name>')
    .description('gives a holder a new key, of the same roles, and shows it, once')
    .option('--keep-old <time>', 'so long the keys before it go on, such as 24h; else they end now')
    .option('--expires <when>', 'of the new one: as for create')
    .action((name: string, { keepOld, expires }: { keepOld?: string; expires?: string }) =>
      withKeys(async (admin) => {
        const keepOldMs = keepOld === undefined ? 0 : durationGiven('--keep-old', keepOld);
        const expiresAt = expires === undefined ? undefined : instantAhead('--expires', expires);
        tell(await admin.rotate(name, { keepOldMs, expiresAt }));
        console.error(keepOld === undefined ? 'Those before it have ended.' : `Those before it go on for ${keepOld}.`);
      }),
    );
  keys
    .command('revoke <name-or-id>')
    .description('ends a key, by its id, or all of a holder, by its name: in every process within seconds')
    .action((nameOrId: string) =>
      withKeys(async (admin) => {
        const ended = await admin.revoke(nameOrId);
        for (const { name, id } of ended) console.log(`revoked: ${name} ${id}`);
        if (ended.length === 0) console.log('nothing to do: it has ended before');
      }),
    );
}

interface CreateFlags {
  name: string;
  role: string[];
  expires?: string;
  personalData?: string;
  sameHolder?: true;
}

async function withKeys(work: (admin: ApiKeyAdmin) => Promise<void>): Promise<void> {
  const admin = await ApiKeyAdmin.connect(databases(undefined, 'owner').keys);
  try {
    await work(admin);
  } catch (error) {
    // The apps' login reads keys: if it could make them, whoever had it could let anybody in.
    if ((error as { code?: unknown }).code !== '42501') throw error;
    const who = 'give the login of the owner in KEYS_URL or DATABASE_URL';
    throw new Error(`this login of the database may neither make nor end keys: ${who}`, { cause: error });
  } finally {
    await admin.close();
  }
}

function roleGiven(text: string): Role {
  const role = ROLES.find((each) => each === text);
  if (role) return role;
  throw new Error(`--role: '${text}' is not one of ${ROLES.join(', ')}`);
}

function purposeGiven(text: string): string {
  const purpose = text.trim();
  if (purpose.length >= 1 && purpose.length <= 200) return purpose;
  throw new Error('--personal-data: the purpose has 1 to 200 characters');
}

function tell({ name, id, key, expiresAt }: NewKey): void {
  const until = expiresAt ? `, until ${expiresAt.toISOString()}` : '';
  console.error(`Key ${id} of ${name}${until}. It is shown this once; send it as Authorization: Bearer …`);
  console.log(key);
}

const TITLES = ['NAME', 'ID', 'ROLES', 'MADE', 'EXPIRES', 'LAST USED', 'STATE'];

function lineOf({
  name,
  id,
  roles,
  personalDataFor,
  madeAt,
  expiresAt,
  revokedAt,
  lastUsedAt,
  state,
}: ListedKey): string[] {
  const shown = (date: Date | undefined): string => (date ? `${date.toISOString().slice(0, 16)}Z` : '-');
  const until = state === 'live' && revokedAt ? ` until ${shown(revokedAt)}` : '';
  const sees = personalDataFor ? ` + personal data (${personalDataFor})` : '';
  return [name, id, roles.join(',') + sees, shown(madeAt), shown(expiresAt), shown(lastUsedAt), state + until];
}

/** Lines whose cells stand below one another. */
function columns(rows: readonly string[][]): string[] {
  const widths = TITLES.map((_title, at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('  ')
      .trimEnd(),
  );
}

import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { PolicyAdmin, type PolicyStatus } from '#platform/policies/policy-admin.js';
import { OUTCOME_STATUSES, type OutcomeStatus } from '#platform/policies/send-queue.js';
import { codecOf } from '#platform/runtime/codec.js';
import { openDatabases } from '#platform/runtime/databases.js';
import { connectStore } from '#platform/runtime/open-store.js';
import { readSettings } from '#platform/runtime/environment.js';
import { activePolicies, policiesOf } from '#platform/runtime/policies.js';
import { definitions } from '../definitions.js';
import { databases } from './database.js';
import { EXIT } from './exit-codes.js';
import { positionGiven, wholeNumber } from './options.js';

/** Adds `yad policies …`: what follows by itself when something has happened. */
export function addPolicyCommands(program: Command): void {
  const policies = program.command('policies').description('what follows by itself when something has happened');
  policies
    .command('list')
    .description('the policies, how far they have read, what is pending and what is parked')
    .action(() =>
      withPolicies(async (admin) => {
        for (const policy of await admin.list()) console.log(lineOf(policy));
      }),
    );
  policies
    .command('outcomes')
    .description('what became of their commands, the latest first')
    .option('--policy <policy>', 'only of this one')
    .option('--status <status>', `only ${OUTCOME_STATUSES.join(', ')}`)
    .option('--customer <subject>', 'only about this customer')
    .option('--before <position>', 'only about events before this position: the next page')
    .option('--limit <number>', 'so many', '100')
    .action((given: OutcomeFlags) => {
      const limit = wholeNumber('--limit', given.limit, 1, 10_000);
      const before = given.before === undefined ? undefined : positionGiven('--before', given.before);
      const status = given.status === undefined ? undefined : statusOf(given.status);
      return withPolicies(async (admin) => {
        const found = await admin.outcomes({ policy: given.policy, status, subject: given.customer, before, limit });
        for (const { position, policy, stream, subject, status: is, rule, error, attempts, decidedAt } of found) {
          const why = rule ?? error ?? '';
          console.log([position, policy, stream, subject, is, why, attempts, decidedAt.toISOString()].join('\t'));
        }
        if (found.length === 0) console.log('none');
        else if (found.length === limit) console.log(`more, if there are: --before ${found.at(-1)!.position}`);
      });
    });
  policies
    .command('retry <policy> [customer]')
    .description('takes up again what is parked of a customer or, with --all, of all, with what waits behind it')
    .option('--all', 'of all customers')
    .action((policy: string, customer: string | undefined, { all }: { all?: true }) => {
      if ((customer === undefined) === !all) throw new Error('name a customer, or give --all');
      return withPolicies(async (admin) =>
        console.log(`${await admin.retry(policy, customer)} commands are tried again`),
      );
    });
  policies
    .command('discard <policy> <customer>')
    .description('lets go of the first parked command about a customer for good, and takes up the others')
    .action((policy: string, customer: string) =>
      withPolicies(async (admin) => {
        if (!(await admin.discard(policy, customer))) throw new Error(`${policy} has nothing parked about ${customer}`);
        console.log('discarded; what waited behind it is tried again');
      }),
    );
  policies
    .command('pause <policy>')
    .description('has it send nothing; what happens meanwhile is kept')
    .action((policy: string) =>
      withPolicies(async (admin) =>
        console.log(
          (await admin.pause(policy, userInfo().username)) ? `${policy} is paused` : `${policy} is paused already`,
        ),
      ),
    );
  policies
    .command('resume <policy>')
    .description('has it send what has become due meanwhile, and go on')
    .action((policy: string) =>
      withPolicies(async (admin) =>
        console.log((await admin.resume(policy)) ? `${policy} goes on` : `${policy} is not paused`),
      ),
    );
  policies
    .command('replay <policy>')
    .description(
      'has it act on events from a position on that it has not acted on; with --dry-run says what it would send',
    )
    .option('--from <position>', 'the first event', '1')
    .option('--dry-run', 'sends nothing')
    .action((policy: string, { from, dryRun }: { from: string; dryRun?: true }) => {
      const position = positionGiven('--from', from);
      return withPolicies(async (admin) => {
        if (!dryRun) {
          await admin.replay(policy, position);
          return console.log(`${policy} acts on what happened from ${position} on, unless it has`);
        }
        const found = await admin.wouldSend(policy, position);
        const left = found.filter(({ outcome, command }) => command !== undefined && outcome === undefined);
        for (const { position: at, due, command = 'nothing', outcome = '' } of found) {
          console.log([at, due.toISOString(), command, outcome].join('\t'));
        }
        console.log(`${left.length} commands would be sent, those that are due already at once`);
      });
    });
  policies
    .command('verify [policy]')
    .description('derives what is pending from the log anew, and compares')
    .action((policy: string | undefined) =>
      withPolicies(async (admin) => {
        for (const found of await admin.verify(policy)) {
          const { policy: name, isEqual, pending, states } = found;
          const counts = `${name}: ${pending} pending${states > 0 ? `, ${states} states` : ''}`;
          const shown = (positions: readonly bigint[]): string => positions.join(' ') || 'none';
          const differences = [
            `missing ${shown(found.missing)}`,
            `extra ${shown(found.extra)}`,
            `otherwise due ${shown(found.otherDue)}`,
            `another state since ${shown(found.otherState)}`,
          ];
          console.log(isEqual ? `${counts}, as the log says` : [counts, ...differences].join('; '));
          if (!isEqual) process.exitCode = EXIT.found;
        }
      }),
    );
}

interface OutcomeFlags {
  policy?: string;
  status?: string;
  customer?: string;
  before?: string;
  limit: string;
}

const statusOf = (text: string): OutcomeStatus => {
  const found = OUTCOME_STATUSES.find((status) => status === text);
  if (found) return found;
  throw new Error(`--status: '${text}' is none of ${OUTCOME_STATUSES.join(', ')}`);
};

function lineOf({ name, version, about, setting, isOn, started }: PolicyStatus): string {
  const on = isOn ? 'on' : `off (${setting} is not set)`;
  if (!started) return [name, `version ${version}`, on, 'has not run yet', about].join('\t');
  const { position, pending, nextDue, parked, pausedBy, waitsFor } = started;
  const notes = [
    pausedBy && `paused by ${pausedBy}`,
    waitsFor && `waits for code that knows ${waitsFor}`,
    started.version !== version && `run by code of version ${started.version}`,
  ].filter(Boolean);
  const next = nextDue ? `, next at ${nextDue.toISOString()}` : '';
  return [
    name,
    `version ${version}`,
    on,
    `read through ${position}`,
    `${pending} pending${next}`,
    `${parked} parked`,
    ...notes,
    about,
  ].join('\t');
}

/** Opens the log and what policies have noted. */
async function withPolicies(work: (admin: PolicyAdmin) => Promise<unknown>): Promise<void> {
  const environment = readSettings(process.env);
  const opened = await openDatabases(databases(environment), ['store']);
  const { store: databaseUrl } = opened;
  const store = await connectStore(opened);
  try {
    const { events, policies = [] } = definitions;
    const admin = await PolicyAdmin.open({
      store,
      codec: codecOf(events),
      definitions: policies,
      active: activePolicies(policies, policiesOf(environment)),
      databaseUrl,
      partitions: environment.YAD_PARTITIONS,
      zone: environment.YAD_POLICY_ZONE,
    });
    try {
      await work(admin);
    } finally {
      await admin.close();
    }
  } finally {
    await store.close();
  }
}

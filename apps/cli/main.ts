import { Command } from 'commander';
import { addConfigCommand } from './config.command.js';
import { addDeadLetterCommands } from './dead-letters.command.js';
import { addDiffCommand } from './diff.command.js';
import { exitCodeOf } from './exit-codes.js';
import { addImportCommand } from './import/import.command.js';
import { addIndexCommands } from './index.command.js';
import { addKeyCommands } from './keys.command.js';
import { addLogCommands } from './log.command.js';
import { addMigrateCommand } from './migrate.command.js';
import { addPolicyCommands } from './policies.command.js';
import { addReadModelCommands } from './read-models.command.js';
import { addSnapshotCommands } from './snapshots.command.js';
import { addRelayCommands } from './relay.command.js';

const program = new Command('yad').description('Yad on the command line').showHelpAfterError();
addImportCommand(program);
addReadModelCommands(program);
addSnapshotCommands(program);
addDeadLetterCommands(program);
addPolicyCommands(program);
addLogCommands(program);
addIndexCommands(program);
addDiffCommand(program);
addKeyCommands(program);
addMigrateCommand(program);
addRelayCommands(program);
addConfigCommand(program);
try {
  await program.parseAsync();
} catch (error) {
  console.error(`yad: ${error instanceof Error ? error.message : String(error)}`);
  if (process.env['YAD_DEBUG']) console.error(error);
  process.exitCode = exitCodeOf(error);
}

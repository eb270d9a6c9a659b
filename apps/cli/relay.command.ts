import type { Command } from 'commander';
import { PostgresRelayState } from '#platform/event-bus/relay/postgres-relay-state.js';
import { databases } from './database.js';
import { positionGiven } from './options.js';

/** Adds `yad relay rewind`: has what is on record as published published again. */
export function addRelayCommands(program: Command): void {
  const relay = program.command('relay').description('what goes from the log to Kafka');
  relay
    .command('rewind')
    .description('publishes again from a position on: after Kafka was restored from an older backup, or lost its topic')
    .requiredOption('--from <position>', 'the first position to be published again; 1 for all')
    .action(async ({ from }: { from: string }) => {
      const position = positionGiven('--from', from);
      const state = await PostgresRelayState.connect(databases().store);
      try {
        const before = await state.position();
        if (position > before + 1n) {
          throw new Error(`--from: only up to ${before} has been published; there is nothing to rewind`);
        }
        await state.rewind(position);
        console.log(
          `published up to ${before} so far; from ${position} on it is published again, and consumers drop what they hold`,
        );
      } finally {
        await state.close();
      }
    });
}

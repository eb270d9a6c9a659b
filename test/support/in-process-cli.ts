import { jest } from '@jest/globals';
import { Command } from 'commander';
import { exitCodeOf } from '#apps/cli/exit-codes.js';

/**
 * Runs a command of `yad` in this process, as to start one for each takes long: what it says, and its exit code.
 * @param add adds the commands that there are
 */
export async function inProcessCli(
  add: (program: Command) => void,
  databaseUrl: string,
  args: readonly string[],
): Promise<{ code: number; output: string }> {
  const said: string[] = [];
  const note = (...words: unknown[]): boolean => said.push(words.map(String).join(' ').trimEnd()) > 0;
  const listening = [
    jest.spyOn(console, 'log').mockImplementation(note),
    jest.spyOn(process.stderr, 'write').mockImplementation(note),
  ];
  const program = new Command('yad');
  add(program);
  process.env['DATABASE_URL'] = databaseUrl;
  try {
    await program.parseAsync(args, { from: 'user' });
    return { code: Number(process.exitCode ?? 0), output: said.join('\n') };
  } catch (error) {
    return { code: exitCodeOf(error), output: `yad: ${(error as Error).message}` };
  } finally {
    delete process.env['DATABASE_URL'];
    process.exitCode = undefined;
    for (const each of listening) each.mockRestore();
  }
}

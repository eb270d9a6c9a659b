import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ensureJars, findJava } from '../../tools/kafka/jars.mjs';

/**
 * Runs a program of `test/support/java` with the broker's jars, which the Java clients are among.
 * @param input what it reads from its standard input
 * @returns the lines that it wrote
 * @throws Error with what it said when it failed
 */
export async function runJava(program: string, args: readonly string[], input = ''): Promise<string[]> {
  const libs = await ensureJars(process.env['YAD_KAFKA_DIR'] ?? '.kafka', () => {});
  const source = join('test', 'support', 'java', `${program}.java`);
  // The programs stand in for services of others: theirs is the log4j of the broker, which would write into the answer.
  const flags = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dlog4j2.level=ERROR', '-cp', join(libs, '*')];
  const java = spawn(findJava(), [...flags, source, ...args], { stdio: 'pipe' });
  java.stdin.on('error', () => {}).end(input);
  const ended = new Promise<number | null>((resolve, reject) => java.on('error', reject).on('close', resolve));
  const [said, complaints, code] = await Promise.all([text(java.stdout), text(java.stderr), ended]);
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${complaints}`);
  return said.split('\n').filter((line) => line !== '');
}

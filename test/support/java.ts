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
export const runJava = (program: string, args: readonly string[], input = ''): Promise<string[]> =>
  run(join('test', 'support', 'java', `${program}.java`), args, input);

/** Runs a command of Kafka's by its class; its scripts do no more. @returns the lines that it wrote */
export const runKafkaTool = (name: string, args: readonly string[]): Promise<string[]> =>
  run(`org.apache.kafka.tools.${name}`, args, '');

async function run(program: string, args: readonly string[], input: string): Promise<string[]> {
  const libs = await ensureJars(process.env['YAD_KAFKA_DIR'] ?? '.kafka', () => {});
  // The programs stand in for services of others: theirs is the log4j of the broker, which would write into the answer.
  const flags = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dlog4j2.level=ERROR', '-cp', join(libs, '*')];
  const java = spawn(findJava(), [...flags, program, ...args], { stdio: 'pipe' });
  java.stdin.on('error', () => {}).end(input);
  const ended = new Promise<number | null>((resolve, reject) => java.on('error', reject).on('close', resolve));
  const [said, complaints, code] = await Promise.all([text(java.stdout), text(java.stderr), ended]);
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${complaints}`);
  return said.split('\n').filter((line) => line !== '');
}

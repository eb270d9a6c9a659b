import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from './test-consumer.js';

/** Its parent, the keeper, waits for it: an ended one does not stay as a zombie. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

let folder: string;
let npm: ChildProcess;
let output: string;
let broker: number | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'yad-npm-kafka-'));
  output = '';
  broker = undefined;
});
afterEach(() => {
  npm.kill('SIGKILL');
  // Left behind only where the spec has failed.
  if (broker !== undefined && isAlive(broker)) process.kill(broker, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function start(): void {
  const { NODE_OPTIONS: _jest, ...own } = process.env;
  // A group of its own, so that npm alone gets the signal and not, as by Ctrl-C in a terminal, all of them.
  npm = spawn('npm', ['run', 'kafka'], {
    env: { ...own, YAD_KAFKA_DATA: folder, KAFKA_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  for (const stream of [npm.stdout!, npm.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
}

async function ready(): Promise<number> {
  const found = (): RegExpExecArray | null => /Kafka is ready \(process (\d+)\)/.exec(output);
  await until(`the broker is ready: ${output}`, () => found() !== null, 120_000);
  broker = Number(found()![1]);
  expect(isAlive(broker)).toBe(true);
  return broker;
}

describe('npm run kafka', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('leaves no broker behind when npm ends by %s', async (signal) => {
    start();
    const pid = await ready();
    npm.kill(signal);
    await until(`the broker has ended: ${output}`, () => !isAlive(pid), 60_000);
    await until('npm has ended', () => npm.exitCode !== null || npm.signalCode !== null, 60_000);
    // In order, where there was time to: the next start has nothing to recover.
    if (signal !== 'SIGKILL') expect(output).toContain('Kafka has stopped');
  });
});

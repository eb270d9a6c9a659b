import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** True when a process with this id lives and, where the system tells, its command line has the word. */
export function isRunning(pid: number, word = ''): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    // A zombie has no command line and holds nothing.
    return line !== '' && line.includes(word);
  } catch {
    return process.platform !== 'linux';
  }
}

/** When a process began, in the system's own ticks: two processes with one id differ in it. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

const fileOf = (dataDir: string): string => join(dataDir, 'owner.json');

/** The process that started a server on the folder and still lives. */
export function ownerOf(dataDir: string): number | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(fileOf(dataDir), 'utf8')) as { pid: number; started: string };
    return isRunning(pid) && startOf(pid) === started ? pid : undefined;
  } catch {
    return undefined;
  }
}

export function takeOwnership(dataDir: string): void {
  writeFileSync(fileOf(dataDir), JSON.stringify({ pid: process.pid, started: startOf(process.pid) }));
}

export function releaseOwnership(dataDir: string): void {
  rmSync(fileOf(dataDir), { force: true });
}

// The broker's jars: fetched once by Maven, checked against jars.sha256, put in place by one rename.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAlive } from './processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const windows = process.platform === 'win32';

/** The pinned jars: name → SHA-256 (hex). */
const pinned = () =>
  new Map(
    readFileSync(join(here, 'jars.sha256'), 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => {
        const [sum, name] = line.trim().split(/\s+/);
        return [name, sum];
      }),
  );

/**
 * The `java` to run, from JAVA_HOME or the PATH.
 * @throws when there is none, or it is older than 17.
 */
export function findJava() {
  const home = process.env.JAVA_HOME;
  const ofHome = home ? join(home, 'bin', windows ? 'java.exe' : 'java') : undefined;
  const java = ofHome && existsSync(ofHome) ? ofHome : 'java';
  const install =
    'Install a Java runtime 17 or newer (Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17) or set JAVA_HOME.';
  const asked = spawnSync(java, ['-version'], { encoding: 'utf8' });
  if (asked.error || asked.status !== 0)
    throw new Error(`Kafka needs Java, and there is no working java here. ${install}`);
  const version = /version "(\d+)/.exec(asked.stderr + asked.stdout)?.[1];
  if (version === undefined || Number(version) < 17)
    throw new Error(`Kafka needs Java 17 or newer; ${java} is ${version ?? 'of unknown version'}. ${install}`);
  return java;
}

/**
 * The folder of the jars, filled on the first call.
 * @param {string} dir where `libs/` is or shall be
 * @param {(text: string) => void} say told of the progress
 * @throws when Maven is missing or fails, or a jar is not the pinned one.
 */
export async function ensureJars(dir, say) {
  const libs = join(dir, 'libs');
  const expected = pinned();
  // `complete` holds the list it was made from: new pins fetch anew, a folder without it was never finished.
  const mark = join(libs, 'complete');
  const wanted = [...expected].map(([name, sum]) => `${sum}  ${name}`).join('\n');
  const complete = () =>
    existsSync(mark) &&
    readFileSync(mark, 'utf8') === wanted &&
    [...expected.keys()].every((n) => existsSync(join(libs, n)));
  mkdirSync(dir, { recursive: true });
  removeDeadAsides(dir);
  if (complete()) return libs;

  const aside = join(dir, `libs.part-${process.pid}-${Date.now()}`);
  try {
    await copyWithMaven(aside, expected, say);
    verify(aside, expected);
    writeFileSync(join(aside, 'complete'), wanted);
    // Somebody else may have finished meanwhile: theirs is as good, and perhaps already in use.
    if (!complete()) {
      rmSync(libs, { recursive: true, force: true });
      renameSync(aside, libs);
    }
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return libs;
}

/** A killed download leaves its aside folder; those of living processes are theirs. */
function removeDeadAsides(dir) {
  for (const name of readdirSync(dir)) {
    const pid = /^libs\.part-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(dir, name), { recursive: true, force: true });
  }
}

function verify(folder, expected) {
  for (const [name, sum] of expected) {
    const file = join(folder, name);
    if (!existsSync(file)) throw new Error(`Maven did not bring ${name}, which tools/kafka/jars.sha256 lists.`);
    const found = createHash('sha256').update(readFileSync(file)).digest('hex');
    if (found !== sum)
      throw new Error(`${name} has SHA-256 ${found}, not the pinned ${sum}. Remove it from ~/.m2 and try again.`);
  }
  const strange = readdirSync(folder).filter((name) => name.endsWith('.jar') && !expected.has(name));
  if (strange.length > 0) throw new Error(`Not listed in tools/kafka/jars.sha256: ${strange.join(', ')}`);
}

function copyWithMaven(folder, expected, say) {
  const total = expected.size;
  const mvn = spawn(
    'mvn',
    ['-B', '-f', join(here, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${folder}`],
    { stdio: ['ignore', 'pipe', 'pipe'], shell: windows },
  );
  const have = new Set();
  const lines = [];
  let rest = '';
  const read = (chunk) => {
    const parts = (rest + chunk).split(/\r?\n/);
    rest = parts.pop() ?? '';
    for (const line of parts) {
      lines.push(line);
      if (lines.length > 40) lines.shift();
      const name = /(?:Downloaded from .*\/|Copying )([^/\s]+\.jar)/.exec(line)?.[1];
      if (name === undefined || !expected.has(name) || have.has(name)) continue;
      have.add(name);
      say(`Kafka jars: ${have.size}/${total}`);
    }
  };
  mvn.stdout.setEncoding('utf8').on('data', read);
  mvn.stderr.setEncoding('utf8').on('data', read);
  say(`Kafka jars: 0/${total} (Maven)`);
  // Maven resolves silently for a while on a new machine; a still line would look like a hang.
  const began = Date.now();
  const beat = setInterval(
    () => say(`Kafka jars: ${have.size}/${total} (Maven, ${Math.round((Date.now() - began) / 1000)} s)`),
    5000,
  );
  const endMaven = () => mvn.kill('SIGTERM');
  process.once('exit', endMaven);
  return new Promise((resolve, reject) => {
    mvn.once('error', () =>
      reject(
        new Error(
          'Fetching Kafka needs Maven, and there is no mvn here. Install it (Debian: apt-get install maven; macOS: brew install maven).',
        ),
      ),
    );
    mvn.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`Maven failed (${code}):\n${mavenErrors(lines)}`)),
    );
  }).finally(() => {
    clearInterval(beat);
    process.off('exit', endMaven);
  });
}

const mavenErrors = (lines) => {
  const errors = lines.filter((line) => line.startsWith('[ERROR]'));
  return (errors.length > 0 ? errors.slice(0, 5) : lines.slice(-10)).join('\n');
};

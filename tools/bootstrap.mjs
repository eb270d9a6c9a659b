// Makes `npm start` and `npm test` work on a fresh clone: installs what the lock file names and builds, when needed.
// Uses nothing but Node, as it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (...path) => join(root, ...path);

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 26 || major < 20 || (major === 20 && minor < 19)) {
    console.error(`Yad runs on Node 20.19 to 26; this is ${process.versions.node}.`);
    process.exit(1);
  }
}

const hashOf = (...files) => {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(at(file)));
  return hash.digest('hex');
};
const stampIs = (file, text) => existsSync(at(file)) && readFileSync(at(file), 'utf8') === text;

/** Runs npm with our output; ends this process when it fails. */
function npm(...args) {
  const { status, signal, error } = spawnSync('npm', args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (error || signal || status !== 0) {
    console.error(`npm ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
    process.exit(status || 1);
  }
}

/** Installs unless the last install of this very lock file came to its end. */
export function install() {
  const stamp = join('node_modules', '.yad-installed');
  const wanted = `${hashOf('package-lock.json', 'package.json')} ${process.platform} ${process.arch}`;
  if (stampIs(stamp, wanted)) return;
  console.log('Installing packages …');
  npm('ci', '--no-audit', '--no-fund', '--loglevel=error');
  writeFileSync(at(stamp), wanted);
}

/** Builds unless the last build that came to its end was of these very sources. */
export function build() {
  const stamp = join('dist', '.yad-built');
  const sources = ['apps', 'libs'].flatMap((top) =>
    readdirSync(at(top), { recursive: true, encoding: 'utf8' }).map((path) => join(top, path)),
  );
  const hash = createHash('sha256').update(hashOf('package-lock.json', '.swcrc', 'nest-cli.json', 'tsconfig.json'));
  for (const path of sources.sort()) {
    if (!path.endsWith('.ts')) continue;
    const { mtimeMs, size } = statSync(at(path));
    hash.update(`${path} ${mtimeMs} ${size}\n`);
  }
  const wanted = hash.digest('hex');
  if (stampIs(stamp, wanted)) return;
  console.log('Building …');
  rmSync(at('dist'), { recursive: true, force: true });
  npm('run', '--silent', 'build');
  mkdirSync(at('dist'), { recursive: true });
  writeFileSync(at(stamp), wanted);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  checkNode();
  install();
  if (!process.argv.includes('--no-build')) build();
}

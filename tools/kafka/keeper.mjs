// Keeps one broker: started by broker.mjs as a process of its own, it is the broker's parent and ends it when the
// IPC channel closes, i.e. when whoever asked for the broker has died, by whatever signal.
import { spawn } from 'node:child_process';
import { openSync, rmSync } from 'node:fs';
import { pidFile, writePid } from './storage.mjs';

const [data, owner, log, java, ...args] = process.argv.slice(2);
const tell = (message) => {
  // Once the owner is gone there is nobody to tell.
  if (process.connected) process.send(message, () => {});
};

const broker = spawn(java, args, { cwd: data, stdio: ['ignore', 'pipe', openSync(log, 'a')] });

broker.once('error', (error) => {
  tell({ exit: error.message });
  process.exitCode = 1;
  if (process.connected) process.disconnect();
});
broker.once('spawn', () => {
  writePid(data, broker.pid, Number(owner));
  tell({ pid: broker.pid });
});

let text = '';
broker.stdout.setEncoding('utf8').on('data', (chunk) => {
  text = (text + chunk).slice(-4000);
  if (text.includes('Kafka Server started')) {
    tell({ ready: true });
    text = '';
  }
});

let stopping = false;
const stop = () => {
  if (stopping) return;
  stopping = true;
  broker.kill('SIGTERM');
  // A broker whose controller is gone may wait for it for long; its log is recovered at the next start.
  setTimeout(() => broker.kill('SIGKILL'), 20_000).unref();
};

broker.once('exit', (code, signal) => {
  rmSync(pidFile(data), { force: true });
  tell({ exit: signal ?? code });
  if (process.connected) process.disconnect();
});
process.on('message', (message) => message === 'stop' && stop());
process.on('disconnect', stop);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);

import { KurrentDBClient, jsonEvent, streamNameFilter } from '@kurrent/kurrentdb-client';
import { spawn } from 'node:child_process';
const child = spawn(process.execPath, [...(process.env.PROF ? ['--cpu-prof','--cpu-prof-dir=/tmp/kdprof'] : []), 'dist/test/support/kurrentdb/serve.js'], { stdio: ['ignore', 'pipe', 'inherit'] });
const url = await new Promise((d) => child.stdout.on('data', (x) => d(/on (\S+)/.exec(String(x))[1])));
const client = KurrentDBClient.connectionString(url);
const N = 60000;
await client.capabilities;
for (const B of [500]) {
const t0 = performance.now();
for (let i = 0; i < N; i += B) {
  await client.appendRecords(Array.from({ length: B }, (_, j) => ({ streamName: `s-${(i + j) % 5000}`, record: jsonEvent({ type: 'noted', data: { text: 'x'.repeat(600) }, metadata: { a: 'b'.repeat(200) } }) })), []);
}
console.log({ B, write: N / (performance.now() - t0) * 1000 });
}
for (let k = 0; k < 2; k++) {
const t1 = performance.now();
let n = 0;
for await (const _ of client.readAll({ filter: streamNameFilter({ prefixes: ['s-'] }) })) n++;
const t2 = performance.now();
let m = 0;
const s2 = client.subscribeToAll({ filter: streamNameFilter({ prefixes: ['s-'] }) });
await new Promise((done) => s2.on('data', () => { if (++m === N) done(); }));
const t3 = performance.now();
console.log({ read: n / (t2 - t1) * 1000, sub: m / (t3 - t2) * 1000, n });
await s2.unsubscribe();
}
await client.dispose(); child.kill(); 
child.on('exit', () => process.exit(0));

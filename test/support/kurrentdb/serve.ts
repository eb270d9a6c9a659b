// A double of KurrentDB as a process of its own: node dist/test/support/kurrentdb/serve.js [port]. It says where it is.
import { KurrentDbDouble } from './kurrentdb-double.js';

const double = await KurrentDbDouble.start({ port: Number(process.argv[2] ?? 0) });
console.log(`KurrentDB double on ${double.url()}`);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => void double.stop().then(() => process.exit(0)));
}

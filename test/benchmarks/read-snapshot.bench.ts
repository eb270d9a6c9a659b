import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { newId } from '#platform/kernel/ids.js';
import { atOnce, type Row } from './measure.js';
import { RawHttp } from './raw-http.js';

const CUSTOMERS = 5_000;
const CLIENTS = 8;
const ROUNDS = 5;

/**
 * What a query costs whose statements share a snapshot, beside the same query with its statements sent each by itself:
 * one customer, its orders, a first page of the list, in turn. The processes are busy throughout, so that the ratio of
 * the rates is that of the costs.
 */
export async function readSnapshotBenchmark(url: string, seconds: number, execArgv: string[]): Promise<Row> {
  const env = { ...process.env, DATABASE_URL: url };
  const server = fork(fileURLToPath(new URL('./read-server.js', import.meta.url)), { env, execArgv });
  const opened: RawHttp[] = [];
  try {
    const [ports] = (await once(server, 'message')) as [{ port: number; plainPort: number }];
    const [snapshots, plain] = [ports.port, ports.plainPort].map((port) => {
      const http = new RawHttp(new URL(`http://127.0.0.1:${port}`));
      opened.push(http);
      return http;
    });
    const ids = Array.from({ length: CUSTOMERS }, newId);
    const items = ids.flatMap((id, at) => [
      { command: 'RegisterContact', input: { id, name: { full: `Customer ${at}` } } },
      {
        command: 'PlaceOrder',
        input: {
          contact: id,
          currency: 'GBP',
          zone: 'Europe/London',
          lines: [{ sku: `SKU ${at % 100}`, quantity: '2', unitPrice: '12.50' }],
        },
      },
    ]);
    const { body } = await snapshots!.post('/v1/commands:batch', JSON.stringify({ items }));
    const outcomes = (JSON.parse(body) as { outcomes: { status: number; position: string }[] }).outcomes;
    const failed = outcomes.find(({ status }) => status !== 201);
    if (failed) throw new Error(JSON.stringify(failed));
    const last = outcomes.reduce((most, { position }) => (BigInt(position) > most ? BigInt(position) : most), 0n);
    for (let tries = 0; ; tries++) {
      const { status } = await snapshots!.get(`/v1/customers?limit=1&minPosition=${last}`);
      if (status === 200) break;
      if (tries > 20) throw new Error(`the read models do not come to ${last}`);
    }
    const paths = [
      (id: string) => `/v1/customers/${id}`,
      (id: string) => `/v1/customers/${id}/orders?limit=20`,
      () => '/v1/customers?limit=20',
    ];
    let next = 0;
    const rateOf = async (http: RawHttp, time: number): Promise<number> => {
      const { rate } = await atOnce(CLIENTS, time, async () => {
        const at = next++;
        const answer = await http.get(paths[at % paths.length]!(ids[at % ids.length]!));
        if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body.slice(0, 300)}`);
      });
      return rate;
    };
    await rateOf(snapshots!, 1);
    await rateOf(plain!, 1);
    const ratios: number[] = [];
    const rates: [number, number][] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const [with_, without] = [await rateOf(snapshots!, seconds / ROUNDS), await rateOf(plain!, seconds / ROUNDS)];
      ratios.push(without / with_);
      rates.push([with_, without]);
    }
    const middle = ratios.indexOf(ratios.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]!);
    const [value, baseline] = rates[middle]!;
    return {
      name: 'read-snapshot',
      value,
      unit: 'answers/s',
      baseline,
      ratio: baseline / value,
      note: `what an answer costs in a snapshot, of what it costs without; median of ${ROUNDS} in turn, ${CLIENTS} clients`,
    };
  } finally {
    for (const http of opened) http.close();
    server.disconnect();
    await once(server, 'exit');
  }
}

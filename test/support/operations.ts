import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { SecretIds } from '#platform/kernel/ids.js';
import type { AddressInfo } from 'node:net';

/** Stands for operations' batches and ids: remembers keys and what came under them, refuses what it is told to. */
export class Operations {
  /** What was taken, by key. */
  readonly seen = new Map<string, any>();
  requests = 0;
  /** Of those, the batches. */
  batches = 0;
  /** What its ids are made under: of this log. */
  readonly ids = new SecretIds(randomBytes(32));
  /** The rule that refuses an item, if any does. */
  refuse = (_item: any): string | undefined => undefined;
  /** Statuses for an item that it cannot take for now. */
  busy = (_item: any): number | undefined => undefined;
  /** From then on each batch is refused. */
  failAfter = Infinity;
  /** The largest body. */
  mostBytes = Infinity;
  private server!: Server;

  async start(): Promise<string> {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks);
        this.requests++;
        if (request.url === '/v1/ids') {
          const { words } = JSON.parse(body.toString());
          return void response.end(JSON.stringify({ ids: words.map((list: string[]) => this.ids.id(...list)) }));
        }
        if (++this.batches > this.failAfter) return void response.writeHead(400).end('{"detail":"stopped"}');
        if (body.length > this.mostBytes) return void response.writeHead(413).end('{"detail":"too large"}');
        const { items } = JSON.parse(body.toString());
        response.end(JSON.stringify({ outcomes: items.map((item: any) => this.take(item)) }));
      });
    });
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Inputs that were taken of a command. */
  inputs(command: string): any[] {
    return [...this.seen.values()].filter((item) => item.command === command).map(({ input }) => input);
  }

  private take(item: any): object {
    const busy = this.busy(item);
    if (busy) return { status: busy, detail: 'not now' };
    const rule = this.refuse(item);
    if (rule) return { status: 409, rule, detail: 'refused' };
    const before = this.seen.get(item.key);
    const content = ({ command, id, occurredAt, input }: any) => JSON.stringify([command, id, occurredAt, input]);
    if (before && content(before) !== content(item)) {
      return { status: 422, type: 'urn:yad:problem:idempotency-key-reused', title: 'The key was used before' };
    }
    this.seen.set(item.key, item);
    return { status: 200, events: 1, repeated: before !== undefined, position: String(this.seen.size) };
  }
}

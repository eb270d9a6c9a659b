import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  frozen: boolean;
}

export interface ProxyOptions {
  /** What goes on to the server of what a client has sent; all of it when absent. */
  toServer?: (chunk: Buffer, isFirst: boolean) => Buffer;
}

/** A TCP proxy on loopback that can do what networks do: fall silent, or cut. */
export class Proxy {
  private readonly pairs = new Set<Pair>();

  private constructor(
    private readonly listening: Server,
    readonly port: number,
  ) {}

  static async start(target: number, { toServer = (chunk) => chunk }: ProxyOptions = {}): Promise<Proxy> {
    const listening = createServer((client) => {
      const pair: Pair = { client, server: connect(target, '127.0.0.1'), frozen: false };
      proxy.pairs.add(pair);
      const end = (): void => {
        if (pair.frozen) return;
        client.destroy();
        pair.server.destroy();
        proxy.pairs.delete(pair);
      };
      for (const socket of [client, pair.server]) socket.on('error', end).on('close', end);
      let isFirst = true;
      client.on('data', (chunk) => {
        if (pair.frozen) return;
        pair.server.write(toServer(chunk, isFirst));
        isFirst = false;
      });
      pair.server.on('data', (chunk) => {
        if (!pair.frozen) client.write(chunk);
      });
    });
    await new Promise<void>((done) => listening.listen(0, '127.0.0.1', done));
    const proxy = new Proxy(listening, (listening.address() as AddressInfo).port);
    return proxy;
  }

  /** A proxy in front of the server of a database. */
  static async before(url: string, options?: ProxyOptions): Promise<{ proxy: Proxy; url: string }> {
    const address = new URL(url);
    const proxy = await Proxy.start(Number(address.port || 5432), options);
    address.host = `127.0.0.1:${proxy.port}`;
    return { proxy, url: address.href };
  }

  /** How many connections lead through it. */
  get open(): number {
    return this.pairs.size;
  }

  /** What is connected now is neither forwarded nor closed any more; new connections pass. Gives their number. */
  freeze(): number {
    let frozen = 0;
    for (const pair of this.pairs) {
      if (pair.frozen) continue;
      pair.frozen = true;
      frozen++;
      // Unread, so that the kernel stops taking what is sent, as that of a peer would that is gone.
      pair.client.pause();
      pair.server.pause();
    }
    return frozen;
  }

  /** Ends all connections at once, without a goodbye. */
  cut(): void {
    for (const { client, server } of this.pairs) {
      client.destroy();
      server.destroy();
    }
    this.pairs.clear();
  }

  async close(): Promise<void> {
    const closed = new Promise((done) => this.listening.close(done));
    this.cut();
    await closed;
  }
}

/** A pooler's habit: the parameter `options` of a session's start is dropped. For `toServer`. */
export function withoutStartupOptions(chunk: Buffer, isFirst: boolean): Buffer {
  if (!isFirst) return chunk;
  const parts = chunk.subarray(8, chunk.readInt32BE(0)).toString().split('\0');
  const kept: string[] = [];
  for (let i = 0; i + 1 < parts.length && parts[i]; i += 2) {
    if (parts[i] !== 'options') kept.push(parts[i]!, parts[i + 1]!);
  }
  const text = Buffer.from(`${kept.join('\0')}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + text.length, 0);
  chunk.copy(head, 4, 4, 8);
  return Buffer.concat([head, text, chunk.subarray(chunk.readInt32BE(0))]);
}

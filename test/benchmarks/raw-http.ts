import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  status: number;
  body: string;
}

/**
 * Requests over kept-alive connections, one under way on each, as many as are needed up to a bound. Reads no more of
 * HTTP than an answer with Content-Length, so that the load takes a small part of a shared machine.
 */
export class RawHttp {
  private readonly idle: Connection[] = [];
  private readonly waiting: ((connection: Connection) => void)[] = [];
  private readonly all = new Set<Connection>();

  /** @param origin such as http://127.0.0.1:3000 */
  constructor(
    private readonly origin: URL,
    private readonly most = 256,
  ) {}

  async post(path: string, body: string, headers = ''): Promise<RawAnswer> {
    const length = Buffer.byteLength(body);
    const head = `${headers}Content-Type: application/json\r\nContent-Length: ${length}\r\n`;
    return this.send(`POST ${path} HTTP/1.1\r\nHost: ${this.origin.host}\r\n${head}\r\n${body}`);
  }

  async get(path: string): Promise<RawAnswer> {
    return this.send(`GET ${path} HTTP/1.1\r\nHost: ${this.origin.host}\r\n\r\n`);
  }

  close(): void {
    for (const connection of this.all) connection.end();
  }

  private async send(request: string): Promise<RawAnswer> {
    const connection = this.idle.pop() ?? (await this.another());
    const answer = await connection.send(request);
    const next = this.waiting.shift();
    if (next) next(connection);
    else this.idle.push(connection);
    return answer;
  }

  private another(): Connection | Promise<Connection> {
    if (this.all.size >= this.most) return new Promise((resolve) => this.waiting.push(resolve));
    const { hostname, port } = this.origin;
    const connection = new Connection(connect({ host: hostname, port: Number(port), noDelay: true }));
    this.all.add(connection);
    return connection;
  }
}

class Connection {
  private text = '';
  private pending: { resolve: (answer: RawAnswer) => void; reject: (error: Error) => void } | undefined;
  private broken: Error | undefined;

  constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.take(chunk));
    const fail = (error?: Error): void => {
      this.broken ??= error ?? new Error('the server has closed the connection');
      this.pending?.reject(this.broken);
    };
    socket.on('error', fail);
    socket.on('close', () => fail());
  }

  send(request: string): Promise<RawAnswer> {
    if (this.broken) return Promise.reject(this.broken);
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
      this.socket.write(request);
    });
  }

  end(): void {
    this.socket.destroy();
  }

  private take(chunk: string): void {
    this.text += chunk;
    const blank = this.text.indexOf('\r\n\r\n');
    if (blank < 0 || !this.pending) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(this.text.slice(0, blank + 2))?.[1];
    if (length === undefined) return this.pending.reject(new Error(`no Content-Length: ${this.text.slice(0, 300)}`));
    const body = this.text.slice(blank + 4);
    // Characters are at most as many as bytes: the exact count is taken only when it may matter.
    if (body.length < Number(length) && Buffer.byteLength(body) < Number(length)) return;
    const { resolve } = this.pending;
    this.pending = undefined;
    const status = Number(this.text.slice(9, 12));
    this.text = '';
    resolve({ status, body });
  }
}

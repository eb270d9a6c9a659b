import { once } from 'node:events';
import { createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import type { Server, ServerCredentials } from '@grpc/grpc-js';

/** The connections of a gRPC server, which can be cut as a network cuts them: without a goodbye. */
export class Listener {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly tcp: TcpServer,
    readonly port: number,
  ) {}

  /** Listens on loopback, on a free port where none is given. */
  static async start(server: Server, port: number, credentials: ServerCredentials) {
    const injector = server.createConnectionInjector(credentials);
    const tcp = createServer((socket) => {
      listener.sockets.add(socket);
      socket.on('error', () => {}).on('close', () => listener.sockets.delete(socket));
      injector.injectConnection(socket);
    }).listen(port, '127.0.0.1');
    await once(tcp, 'listening');
    const listener = new Listener(tcp, (tcp.address() as AddressInfo).port);
    return listener;
  }

  /** Ends all connections; new ones are taken. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    const closed = once(this.tcp, 'close');
    this.tcp.close();
    this.cut();
    await closed;
  }
}

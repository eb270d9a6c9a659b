import { Server, ServerCredentials } from '@grpc/grpc-js';
import { append, batchAppend } from './append-service.js';
import { appendRecords, appendSession } from './append-service-v2.js';
import { hasCall, readGossip, supportedMethods } from './cluster-service.js';
import type { Endpoint } from './errors.js';
import { isAdmitted } from './users.js';
import { Faults } from './faults.js';
import { KurrentLog, type LogOptions } from './kurrent-log.js';
import { Listener } from './listener.js';
import type { Limits, ServedNode } from './node.js';
import { GossipService, ServerFeaturesService, StreamsService, StreamsServiceService } from './protocol.js';
import { read } from './read-service.js';

export interface DoubleOptions extends LogOptions {
  /** What the server says that it is; 26.1 is the first with `AppendRecords`. */
  readonly version?: string;
  readonly limits?: Partial<Limits>;
  /** A free one when absent. */
  readonly port?: number;
  /** Its certificate and key; nothing is encrypted when absent. */
  readonly tls?: { readonly certificate: Buffer; readonly key: Buffer };
  /** Who may read and write, with passwords; anybody when absent. */
  readonly users?: Readonly<Record<string, string>>;
  /** Nodes of the cluster; they share one log, and the first leads. */
  readonly nodes?: number;
}

// What the server's settings are by default: 256 MiB an append, 16 MiB an event.
const LIMITS: Limits = { append: 256 * 1024 * 1024, record: 16 * 1024 * 1024 };

// Events are encoded once, when they are written; all else that a read answers is a message.
const readBytes = {
  ...StreamsService.read,
  responseSerialize: (answer: Buffer | { serializeBinary(): Uint8Array }): Buffer =>
    Buffer.isBuffer(answer) ? answer : Buffer.from(answer.serializeBinary()),
} as unknown as typeof StreamsService.read;

/**
 * A KurrentDB of the tests: a gRPC server, or a cluster of several, that answers the client's own generated services out
 * of a log in memory, by the rules of the real one, with faults that a test switches on.
 */
export class KurrentDbDouble {
  readonly faults = new Faults();
  readonly calls = new Map<string, number>();
  private readonly nodes: { readonly server: Server; readonly endpoint: Endpoint; readonly listener: Listener }[] = [];
  private leading = 0;

  private constructor(
    readonly log: KurrentLog,
    private readonly options: DoubleOptions,
  ) {}

  /** Starts it on loopback. */
  static async start(options: DoubleOptions = {}): Promise<KurrentDbDouble> {
    const double = new KurrentDbDouble(new KurrentLog(options), options);
    for (let i = 0; i < (options.nodes ?? 1); i++) await double.addNode(i === 0 ? (options.port ?? 0) : 0);
    return double;
  }

  /** What a client connects with: all nodes, or one of them. */
  url(node?: number): string {
    const endpoints = node === undefined ? this.nodes : [this.nodes[node]!];
    const hosts = endpoints.map(({ endpoint }) => `${endpoint.host}:${endpoint.port}`).join(',');
    return `kurrentdb://${hosts}?tls=${this.options.tls ? 'true' : 'false'}`;
  }

  /** Another node leads from now on; the others refuse what asks for the leader, and name it. */
  elect(node: number): void {
    this.leading = node;
  }

  /** Ends all connections at once, without an answer to what is under way; new ones are taken. */
  cut(): void {
    for (const { listener } of this.nodes) listener.cut();
  }

  /** How many calls there were by a name: Append, BatchAppend, AppendSession, AppendRecords, Read, Subscribe, Gossip. */
  callsOf(name: string): number {
    return this.calls.get(name) ?? 0;
  }

  async stop(): Promise<void> {
    for (const { server, listener } of this.nodes) {
      await listener.stop();
      server.forceShutdown();
    }
  }

  private async addNode(port: number): Promise<void> {
    const server = new Server({
      'grpc.max_receive_message_length': 384 * 1024 * 1024,
      'grpc.max_send_message_length': -1,
    });
    const { tls } = this.options;
    const pairs = tls && [{ private_key: tls.key, cert_chain: tls.certificate }];
    const credentials = pairs ? ServerCredentials.createSsl(null, pairs) : ServerCredentials.createInsecure();
    const listener = await Listener.start(server, port, credentials);
    const endpoint = { host: '127.0.0.1', port: listener.port };
    const cut = (): void => listener.cut();
    const { log, faults, options, calls } = this;
    const node: ServedNode = {
      ...{ log, faults, endpoint, cut },
      limits: { ...LIMITS, ...options.limits },
      version: options.version ?? '26.1.0',
      admits: (metadata) => isAdmitted(options.users, metadata),
      members: () => this.nodes.map((each) => each.endpoint),
      leader: () => this.nodes[this.leading]!.endpoint,
      count: (call) => void calls.set(call, (calls.get(call) ?? 0) + 1),
    };
    this.nodes.push({ server, endpoint, listener });
    const { append: appendCall, batchAppend: batchCall } = StreamsService;
    server.addService({ read: readBytes, append: appendCall, batchAppend: batchCall }, {
      read: read(node),
      append: append(node),
      batchAppend: batchAppend(node),
    } as never);
    const { appendSession: sessionCall, appendRecords: recordsCall } = StreamsServiceService;
    if (hasCall(node.version, 'appendsession')) {
      server.addService({ appendSession: sessionCall }, { appendSession: appendSession(node) } as never);
    }
    if (hasCall(node.version, 'appendrecords')) {
      server.addService({ appendRecords: recordsCall }, { appendRecords: appendRecords(node) } as never);
    }
    server.addService(ServerFeaturesService, { getSupportedMethods: supportedMethods(node) } as never);
    server.addService(GossipService, { read: readGossip(node) } as never);
  }
}

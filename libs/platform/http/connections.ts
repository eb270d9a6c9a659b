import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { hasBody } from './request-guards.js';

/** How long a peer may keep a connection waiting: for the rest of a body, or until it takes more of its answer. */
export const PATIENCE_MS = 15_000;
/** What a peer must send, or take, to be waited for any longer: 512 kbit/s. */
export const BYTES_A_SECOND = 64 * 1024;
/** How often the connections are looked at: one who is to be cut off after `PATIENCE_MS` is so at most this later. */
const EVERY_MS = 500;
/** Requests on one connection that wait for their answer at most: a client may send ahead (pipelining). */
export const MOST_AHEAD = 100;
/** Connections at most: what is beyond is closed as it comes. Each that is idle takes some twenty kilobytes. */
export const MOST_CONNECTIONS = 4_000;

/** The longest that so many bytes may take on their way: the patience, and the slowest pace. */
export const longestFor = (bytes: number, patienceMs = PATIENCE_MS): number =>
  patienceMs + (bytes / BYTES_A_SECOND) * 1000;

export interface ConnectionsOptions {
  readonly patienceMs?: number;
  readonly mostConnections?: number;
  /** Answers a request whose body does not come; its connection is closed where this is not given. */
  readonly refuseSlow?: (response: WatchedResponse) => void;
}

const CONNECTION = Symbol('connection');
type Watched = Socket & { [CONNECTION]?: Peer };

const all = new WeakMap<Server, Connections>();

/** The watch over a server's connections; undefined where there is none. */
export const connectionsOf = (server: Server): Connections | undefined => all.get(server);

/**
 * Watches the connections of a server whose answers are `WatchedResponse`s.
 *
 * Nothing that a peer does or omits keeps a connection for ever: a body must come, and an answer be taken, at
 * `BYTES_A_SECOND`; who falls behind that by `PATIENCE_MS` is cut off. (Node itself cuts off a head that does not
 * come, and a connection that is idle.) And while the process goes down every answer says that it is the last one of
 * its connection, so that clients go elsewhere instead of meeting a closed one with their next request.
 */
export class Connections {
  private readonly open = new Set<Peer>();
  private readonly patienceMs: number;
  private readonly refuseSlow: ConnectionsOptions['refuseSlow'];
  private lookedAt = performance.now();
  /** The process goes down. */
  draining = false;

  /** Begins to watch over the connections of a server. */
  static watch(server: Server, options: ConnectionsOptions = {}): Connections {
    const connections = new Connections(server, options);
    all.set(server, connections);
    return connections;
  }

  private constructor(
    private readonly server: Server,
    { patienceMs = PATIENCE_MS, mostConnections = MOST_CONNECTIONS, refuseSlow }: ConnectionsOptions,
  ) {
    this.patienceMs = patienceMs;
    this.refuseSlow = refuseSlow;
    server.maxConnections = mostConnections;
    server.on('connection', (socket: Watched) => {
      const connection = new Peer(socket, this, patienceMs);
      socket[CONNECTION] = connection;
      this.open.add(connection);
      socket.once('close', () => this.open.delete(connection));
    });
    const everyMs = Math.max(10, Math.min(EVERY_MS, patienceMs / 10));
    const looking = setInterval(() => this.look(everyMs), everyMs).unref();
    server.once('close', () => clearInterval(looking));
  }

  /**
   * From now on every answer is the last one of its connection. Those that are idle stay open: a request may be on its
   * way over any of them, and would be lost.
   */
  drain(): void {
    this.draining = true;
  }

  /** Takes no new connection, and closes each that is idle now or becomes so. */
  async close(): Promise<void> {
    this.drain();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    const idle = setInterval(() => this.server.closeIdleConnections(), 50);
    await closed.finally(() => clearInterval(idle));
  }

  private look(everyMs: number): void {
    const now = performance.now();
    // Where this process was held up, what came meanwhile is not read yet, and is not held against the peers.
    const elapsed = Math.min(now - this.lookedAt, 2 * everyMs);
    this.lookedAt = now;
    for (const connection of this.open) {
      const late = connection.late(elapsed, this.patienceMs);
      if (late === undefined) continue;
      if (late && this.refuseSlow) this.refuseSlow(late);
      else connection.socket.destroy();
    }
  }
}

/** What is known of one connection, and of who is at its other end. */
class Peer {
  /** The answer to the request that came last. */
  latest: WatchedResponse | undefined;
  /** Requests that came, and those of them that were answered. */
  begun = 0;
  ended = 0;
  /** Its last answer is given, or being given: what comes after is not for this connection any more. */
  over = false;
  /** How much longer the peer is waited for, on what, and how far that had come by the last look. */
  private leftMs: number;
  private waitingFor: unknown;
  private moved = 0;
  private refused = false;

  constructor(
    readonly socket: Socket,
    readonly owner: Connections,
    patienceMs: number,
  ) {
    this.leftMs = patienceMs;
  }

  /**
   * One look. Undefined where the peer may go on; the answer that can still tell it so where its body is too slow;
   * null where it is to be cut off.
   */
  late(elapsedMs: number, patienceMs: number): WatchedResponse | null | undefined {
    const { socket, latest } = this;
    const body = latest !== undefined && !latest.hasCome ? latest : undefined;
    const unread = socket.writableLength > 0;
    if (!body && !unread && !socket.writableEnded) {
      this.leftMs = patienceMs;
      this.waitingFor = undefined;
      return undefined;
    }
    // A goodbye that the peer does not return leaves nothing to move.
    const moved = body ? socket.bytesRead : unread ? taken(socket) : 0;
    const waitingFor = body ?? (unread ? 'answers' : 'goodbye');
    if (this.waitingFor !== waitingFor) {
      // Each body has its own patience; the answers of one connection share theirs, or who asks on and reads none
      // would never run out of it.
      if (body) this.leftMs = patienceMs;
      this.waitingFor = waitingFor;
      this.moved = moved;
    }
    const more = Math.max(0, moved - this.moved);
    this.moved += more;
    // A stream goes as slowly as its reader likes, as long as it goes.
    const earnedMs = more > 0 && !body && latest?.isStream ? patienceMs : (more / BYTES_A_SECOND) * 1000;
    this.leftMs = Math.min(patienceMs, this.leftMs - elapsedMs + earnedMs);
    if (this.leftMs > 0) return undefined;
    if (!body || body.headersSent || this.refused) return null;
    this.refused = true;
    this.leftMs = patienceMs;
    return body;
  }
}

/** Bytes that the peer has taken: what is queued in one piece goes down with each part of it. */
const taken = (socket: Socket): number =>
  socket.bytesWritten - ((socket as { _handle?: { writeQueueSize?: number } })._handle?.writeQueueSize ?? 0);

/** As node calls it. */
const Base = ServerResponse as unknown as new (request: IncomingMessage, options: unknown) => ServerResponse;

/** An answer that knows what is to become of its connection. */
export class WatchedResponse extends Base {
  private readonly watched: Peer | undefined;
  /** Who answers the request, for the refusal of a body that does not come. */
  reply: unknown;
  /** It goes on for as long as both sides like. */
  isStream = false;

  constructor(request: IncomingMessage, options: unknown) {
    super(request, options);
    const connection = (request.socket as Watched)[CONNECTION];
    this.watched = connection;
    if (connection) {
      connection.begun++;
      connection.latest = this;
    }
  }

  /**
   * Whether the request is to be passed over: it came after the last answer of its connection was begun, and its sender
   * is told by the connection's end that nobody looked at it.
   */
  get isAfterLast(): boolean {
    return this.watched?.over === true;
  }

  /** Whether too many requests of the connection wait for their answers. */
  get isTooFarAhead(): boolean {
    const connection = this.watched;
    return connection !== undefined && connection.begun - connection.ended > MOST_AHEAD;
  }

  /** Has the connection closed after this answer; what comes on it from now on is passed over. */
  beLast(): void {
    this.shouldKeepAlive = false;
    if (this.watched) this.watched.over = true;
  }

  override writeHead(status: number, reason?: any, headers?: any): this {
    // Who has sent requests ahead is told with the last of their answers; who still sends would not read the answer.
    if (this.watched?.owner.draining && this.watched.latest === this && this.hasCome) this.beLast();
    return super.writeHead(status, reason, headers);
  }

  override end(chunk?: any, encoding?: any, callback?: any): this {
    const connection = this.watched;
    if (connection && !this.writableEnded) {
      connection.ended++;
      // Its head promised more before the process went down.
      if (connection.owner.draining && this.headersSent && this.shouldKeepAlive) {
        this.once('finish', () => {
          if (connection.latest === this && this.hasCome) connection.socket.destroySoon();
        });
      }
    }
    return super.end(chunk, encoding, callback);
  }

  /** The request is there whole. */
  get hasCome(): boolean {
    return this.req.complete || !hasBody(this.req);
  }
}

/** Has a server answer with `WatchedResponse`s: among its options. */
export const watchedResponses = { ServerResponse: WatchedResponse as unknown as typeof ServerResponse };

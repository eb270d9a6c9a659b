import { createServer, type Server } from 'node:http';
import type { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import type { Metrics } from '#platform/observability/metrics.js';
import type { Relay } from '#platform/event-bus/relay/relay.js';
import type { RelayState } from '#platform/event-bus/relay/relay-state.js';
import type { YadError } from '#platform/kernel/errors.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { Connections, watchedResponses } from '#platform/http/connections.js';
import { allowedHosts, checkRequest } from '#platform/http/request-guards.js';

/** Events behind the store from which on an active relay that does not get on is not ready. */
const LAG = 10_000n;
/** A relay that stands behind the store and has not moved for this long is not ready, however small the lag. */
const STILL_MS = 15_000;
/** Publishing that fails again and again for so long is told, whether or not anything waits to be published. */
const FAILING_MS = 5_000;
/** How often it looks by itself: who asks may ask seldom, and what has just come would seem to have waited since. */
const EVERY_MS = 2_000;
/** Connections of those who ask at most. */
const MOST_ASKING = 100;
/** A look that takes longer is an answer too. */
const TIMEOUT_MS = 2_000;

export interface Health {
  ready: boolean;
  role: string;
  /** Everything at or below is on the bus, by whichever relay. */
  position: string;
  head: string;
  lag: string;
  /** Why it is not ready. */
  reason?: string;
  /** What is unsafe about the topic, and what to do. */
  warnings?: readonly string[];
}

/** Tells live from ready by what the relay gets done, not by whether it runs. */
export class HealthCheck {
  private unready: string | undefined = 'nothing is known yet';
  private lastPosition = -1n;
  private movedAt = performance.now();

  constructor(
    private readonly relay: Pick<Relay, 'status'>,
    private readonly state: Pick<RelayState, 'position'>,
    private readonly store: Pick<EventStore, 'head'>,
    private readonly publisher: Partial<Pick<KafkaPublisher, 'outage' | 'warnings'>> = {},
  ) {}

  /** Looks now and then until the process ends. */
  start(): this {
    const look = (): void =>
      void this.look().then(
        ({ reason }) => (this.unready = reason),
        (error: Error) => (this.unready = error.message),
      );
    look();
    setInterval(look, EVERY_MS).unref();
    return this;
  }

  /** By the last of its own looks, as each look is held against the one before. @throws Error that says why not */
  async assertReady(): Promise<void> {
    if (this.unready !== undefined) throw new Error(this.unready);
  }

  async look(): Promise<Health> {
    const [position, head] = [await this.state.position(), (await this.store.head()).position];
    const now = performance.now();
    if (position !== this.lastPosition || position >= head) this.movedAt = now;
    const catchingUp = this.lastPosition >= 0n && position > this.lastPosition;
    this.lastPosition = position;
    const { role } = this.relay.status;
    const lag = head > position ? head - position : 0n;
    const still = now - this.movedAt >= STILL_MS;
    const behind = lag >= LAG && !catchingUp && role !== 'waiting';
    const { outage, warnings = [] } = this.publisher;
    const reason =
      role === 'ended'
        ? 'the relay has ended'
        : outage && now - outage.since >= FAILING_MS
          ? `nothing can be published: ${outage.reason}`
          : still
            ? `nothing has been published for ${Math.round((now - this.movedAt) / 1000)} s, and ${lag} events wait`
            : behind
              ? `${lag} events wait`
              : undefined;
    const told = { ...(warnings.length > 0 && { warnings }) };
    return { ready: !reason, role, position: `${position}`, head: `${head}`, lag: `${lag}`, reason, ...told };
  }
}

export interface ServedHealth {
  readonly check: Pick<HealthCheck, 'look'>;
  readonly metrics?: Pick<Metrics, 'contentType' | 'text'>;
  /** Names under which it answers, beside this machine's own. */
  readonly hosts?: ReadonlySet<string>;
}

/** Serves `/metrics`, `/health/live` and `/health/ready`; the body of both says how far the relay has come. */
export function serveHealth(
  port: number,
  host: string,
  { check, metrics, hosts = allowedHosts() }: ServedHealth,
): Promise<Server> {
  // Asked now and then by few: who asks for nothing more is closed soon.
  const timeouts = { headersTimeout: 14_000, requestTimeout: 14_000, connectionsCheckingInterval: 1_000 };
  const server = createServer({ ...timeouts, ...watchedResponses }, (request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    try {
      checkRequest(request, hosts);
    } catch (error) {
      const { kind, message } = error as YadError;
      return answer(kind.startsWith('foreign-') ? 403 : 400, { title: message });
    }
    if (request.url === '/health/live') answer(200, { live: true });
    else if (request.url === '/metrics' && metrics) {
      metrics.text().then(
        (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
        (error: Error) => answer(500, { title: error.message }),
      );
    } else if (request.url !== '/health/ready') answer(404, { title: 'not found' });
    else
      inTime(check.look()).then(
        (health) => answer(health.ready ? 200 : 503, health),
        (error: Error) => answer(503, { ready: false, reason: error.message }),
      );
  });
  Connections.watch(server, { mostConnections: MOST_ASKING });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

function inTime<T>(look: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the database did not answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  return Promise.race([look, late]).finally(() => clearTimeout(timer));
}

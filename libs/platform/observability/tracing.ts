import { setTimeout as sleep } from 'node:timers/promises';
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Tracer,
} from '@opentelemetry/api';

/** Where a trace stands, as W3C Trace Context writes it: `00-<trace>-<span>-<flags>`. */
export type Traceparent = string;

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** A request while it is under way, as a trace sees it. */
export interface RequestSpan {
  /** For what the request brings about; undefined where its trace is not recorded. */
  readonly traceparent: Traceparent | undefined;
  /** @param failed something went wrong here */
  end(name: string, attributes: Attributes, failed: boolean): void;
}

export interface TracingOptions {
  /** Name of the service. */
  readonly app: string;
  /** Where spans go to, by OTLP over HTTP; `/v1/traces` is added. */
  readonly endpoint: string;
  /** Which part of the traces that begin here are recorded, 0 to 1. */
  readonly ratio: number;
}

/** For the collector to take spans, also the last ones. */
const PATIENCE_MS = 3_000;
/** Spans of one piece of work at most, each in a trace of its own: a batch may be of thousands of commands. */
const MOST_OF_ONE = 100;

/**
 * The spans of a process. What happens to many commands at once (an append, a send, a write of read models) is told
 * when it is over, as a span in the trace of each command that is recorded: who looks at one trace sees all of its way.
 */
export class Tracing {
  private constructor(
    private readonly tracer: Tracer,
    /** Sends what is left, and ends; a collector that is away keeps no process from ending. */
    readonly stop: () => Promise<unknown>,
  ) {}

  /** Loads OpenTelemetry and begins; nothing of it is loaded otherwise. */
  static async start({ app, endpoint, ratio }: TracingOptions): Promise<Tracing> {
    const [sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
    ]);
    const url = `${endpoint.replace(/\/$/, '')}/v1/traces`;
    const exporter = new OTLPTraceExporter({ url, timeoutMillis: PATIENCE_MS });
    const provider = new sdk.NodeTracerProvider({
      resource: resourceFromAttributes({ 'service.name': `yad-${app}`, 'service.namespace': 'yad' }),
      // A sender that records its trace has the rest of it recorded, too.
      sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) }),
      // Bounded: what the collector does not take in time is dropped.
      spanProcessors: [new sdk.BatchSpanProcessor(exporter)],
    });
    const stop = (): Promise<unknown> =>
      Promise.race([provider.shutdown(), sleep(PATIENCE_MS, undefined, { ref: false })]);
    return new Tracing(provider.getTracer('yad'), stop);
  }

  /** @param from the header `traceparent` of the request */
  request(from: string | undefined): RequestSpan {
    const span = this.tracer.startSpan('request', { kind: SpanKind.SERVER }, contextOf(from));
    const { traceId, spanId, traceFlags } = span.spanContext();
    const isRecorded = (traceFlags & TraceFlags.SAMPLED) !== 0;
    return {
      traceparent: isRecorded ? `00-${traceId}-${spanId}-01` : undefined,
      end: (name, attributes, failed) => {
        span.updateName(name);
        span.setAttributes(attributes);
        if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      },
    };
  }

  /**
   * Tells of work that is over, in each of these traces.
   * @param of of each command or event that it was for; undefined for those that are not recorded
   * @param kind as a broker sees it, where the work is with one
   */
  did(
    name: string,
    of: Iterable<Traceparent | undefined>,
    { ms, attributes, kind = 'internal', failed = false }: Work,
  ): void {
    const parents = new Set<Traceparent>();
    for (const each of of) {
      if (each === undefined || parents.has(each)) continue;
      parents.add(each);
      if (parents.size === MOST_OF_ONE) break;
    }
    if (parents.size === 0) return;
    const end = Date.now();
    for (const parent of parents) {
      const options = { startTime: end - ms, attributes, kind: KINDS[kind] };
      const span = this.tracer.startSpan(name, options, contextOf(parent));
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end(end);
    }
  }
}

export interface Work {
  /** How long it took, until now. */
  readonly ms: number;
  readonly attributes?: Attributes;
  readonly kind?: keyof typeof KINDS;
  readonly failed?: boolean;
}

const KINDS = { internal: SpanKind.INTERNAL, producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER };

function contextOf(traceparent: string | undefined): Context {
  const found = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  if (!found) return ROOT_CONTEXT;
  const [, traceId, spanId, flags] = found as unknown as [string, string, string, string];
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

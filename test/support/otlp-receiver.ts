import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span, as a collector gets it. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** A collector that takes traces by OTLP over HTTP in JSON, and keeps them. */
export async function otlpReceiver() {
  const spans: ReceivedSpan[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (more: string) => (body += more));
    request.on('end', () => {
      for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
        const service = valuesOf(resource.attributes)['service.name'] as string;
        for (const { spans: sent } of scopeSpans) {
          for (const { name, traceId, spanId, parentSpanId, attributes, startTimeUnixNano, endTimeUnixNano } of sent) {
            spans.push({
              ...{ service, name, traceId, spanId, attributes: valuesOf(attributes) },
              parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
              startedAt: Number(startTimeUnixNano) / 1e6,
              endedAt: Number(endTimeUnixNano) / 1e6,
            });
          }
        }
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const valuesOf = (attributes: readonly { key: string; value: Record<string, unknown> }[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

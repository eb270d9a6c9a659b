import { connect, type Socket } from 'node:net';
import { percentile } from './measure.js';

export interface LoadOptions {
  host?: string;
  port: number;
  path: string | (() => string);
  connections: number;
  seconds: number;
  /** Headers beside Host, Content-Type and Content-Length, each with its line end. Like path and body, asked for each request. */
  headers?: () => string;
  body: () => string;
}

export interface LoadResult {
  /** Answers a second. */
  rate: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Answers by status. */
  statuses: Record<string, number>;
}

/**
 * Keeps one POST under way on each of many kept-alive connections. Reads answers with Content-Length by the little that
 * is needed of HTTP, so that the generator takes a small part of a shared machine.
 */
export async function httpLoad(options: LoadOptions): Promise<LoadResult> {
  const { host = '127.0.0.1', port, path, connections, seconds, headers = () => '', body } = options;
  const pathOf = typeof path === 'function' ? path : () => path;
  const common = ` HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Type: application/json\r\n`;
  const statuses: Record<string, number> = {};
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + seconds * 1000;

  const requestOf = (content: string): string =>
    `POST ${pathOf()}${common}${headers()}Content-Length: ${Buffer.byteLength(content)}\r\n\r\n${content}`;

  const drive = (socket: Socket): Promise<void> =>
    new Promise((resolve, reject) => {
      let sent = 0;
      let text = '';
      const send = (): void => {
        const content = body();
        sent = performance.now();
        if (sent >= end) {
          socket.destroy();
          resolve();
        } else socket.write(requestOf(content));
      };
      socket.setEncoding('latin1');
      socket.on('data', (chunk: string) => {
        text = text === '' ? chunk : text + chunk;
        const blank = text.indexOf('\r\n\r\n');
        if (blank < 0) return;
        const at = text.search(/content-length: /i);
        if (at < 0 || at > blank) return reject(new Error(`an answer without Content-Length: ${text}`));
        const length = Number.parseInt(text.slice(at + 16, at + 26), 10);
        if (text.length < blank + 4 + length) return;
        const status = text.slice(9, 12);
        statuses[status] = (statuses[status] ?? 0) + 1;
        latencies.push(performance.now() - sent);
        text = '';
        send();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve());
      socket.on('connect', send);
    });

  await Promise.all(Array.from({ length: connections }, () => drive(connect({ host, port, noDelay: true }))));
  const took = (performance.now() - start) / 1000;
  latencies.sort((a, b) => a - b);
  return { rate: latencies.length / took, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), statuses };
}

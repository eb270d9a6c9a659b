import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FeedPage } from '#platform/event-feed/event-feed.js';
import { shortPlaceText } from '#platform/event-feed/place.js';
import { WatchedResponse } from './connections.js';
import { problemOf } from './problem.js';
import { instanceOf } from './request-id.js';

export interface StreamOptions {
  /** The request that is answered. */
  readonly requestId: string;
  /** Told of what goes wrong that nobody foresaw. */
  readonly unforeseen: (error: unknown) => void;
  /** What the answer says beside what every stream says. */
  readonly headers?: OutgoingHttpHeaders;
}

/**
 * Writes pages as server-sent events, as fast as the client reads them: what it has not taken yet is one page at most.
 * One that takes nothing for long is cut off with its connection (`Connections`).
 * @param first what was read before the headers went out, so that a refusal could still be one
 */
export async function sendStream(
  raw: ServerResponse,
  first: FeedPage,
  pages: AsyncIterable<FeedPage>,
  { requestId, unforeseen, headers = {} }: StreamOptions,
): Promise<void> {
  if (raw instanceof WatchedResponse) raw.isStream = true;
  raw.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    // For proxies that would gather what is to be sent on at once.
    'x-accel-buffering': 'no',
  });
  try {
    const text = `retry: 2000\n\n${frames(first, undefined)}`;
    if (!(await written(raw, text))) return;
    let last = first;
    for await (const page of pages) {
      if (!(await written(raw, frames(page, last)))) return;
      last = page;
    }
  } catch (error) {
    const problem = problemOf(error, unforeseen);
    problem.instance = instanceOf(requestId);
    raw.write(`event: problem\ndata: ${JSON.stringify(problem)}\n\n`);
  } finally {
    raw.end();
  }
}

/** Whether the client is still there. */
async function written(raw: ServerResponse, text: string): Promise<boolean> {
  if (raw.destroyed) return false;
  if (raw.write(text)) return true;
  return new Promise((resolve) => {
    const done = (there: boolean): void => {
      raw.off('drain', drained).off('close', gone);
      resolve(there);
    };
    const drained = (): void => done(true);
    const gone = (): void => done(false);
    raw.once('drain', drained).once('close', gone);
  });
}

/**
 * Each event under its position, and how far the log was looked at: where that is beyond the last event, when the end is
 * reached, and as a sign of life.
 */
function frames({ identity, events, through, head }: FeedPage, before: FeedPage | undefined): string {
  let text = '';
  for (const event of events) text += frame(shortPlaceText(identity, event.position), event.text);
  const isAtEnd = through >= head;
  const wasAtEnd = before !== undefined && before.through >= before.head;
  if (events.at(-1)?.position !== through || (isAtEnd && !wasAtEnd)) {
    const progress = { through: String(through), head: String(head), more: !isAtEnd };
    text += `event: progress\n${frame(shortPlaceText(identity, through), JSON.stringify(progress))}`;
  }
  return text;
}

/** Breaks between lines may stand in stored JSON where a space may; a client puts them together again. */
const frame = (id: string, data: string): string => `id: ${id}\ndata: ${data.replace(/\r\n|\r|\n/g, '\ndata: ')}\n\n`;

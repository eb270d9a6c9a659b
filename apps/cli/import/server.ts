import { setTimeout as sleep } from 'node:timers/promises';
import { backoff, type BackoffOptions } from '#platform/kernel/backoff.js';

export interface ServerOptions {
  url: string;
  /** What to sign in with: an API key. */
  key?: string;
  signal?: AbortSignal;
}

/** How long a server may be gone, and how long one may take to come up that has not answered yet: it may not be there. */
export const TIMEOUT_MS = 60_000;
const FIRST_TIMEOUT_MS = 15_000;
/** Between two tries. */
export const PAUSES: BackoffOptions = { firstMs: 100, capMs: 2_000 };
/** How long a request may be without an answer before it is sent again. */
const SILENCE_MS = 120_000;

/** The writing side of Yad, as an import speaks to it. */
export class Server {
  private answered = false;
  private readonly headers: Record<string, string>;

  constructor(private readonly options: ServerOptions) {
    this.headers = { 'content-type': 'application/json' };
    if (options.key !== undefined) this.headers['authorization'] = `Bearer ${options.key}`;
  }

  get url(): string {
    return this.options.url;
  }

  /**
   * Posts, and posts again while the server is starting, busy or gone: for what may be repeated.
   * @param what a word for the body, for messages
   * @returns the answer's body; `too-large` where the server does not take so much
   * @throws Error when it is refused or the server does not answer
   */
  async post(path: string, body: string, what: string): Promise<any> {
    const { url, signal } = this.options;
    const end = Date.now() + (this.answered ? TIMEOUT_MS : FIRST_TIMEOUT_MS);
    for (let failures = 1; ; failures++) {
      let why: string;
      try {
        const silence = AbortSignal.timeout(SILENCE_MS);
        const response = await fetch(new URL(path, url), {
          method: 'POST',
          headers: this.headers,
          body,
          signal: signal ? AbortSignal.any([signal, silence]) : silence,
        });
        this.answered = true;
        if (response.ok) return await response.json();
        if (response.status === 413) {
          await response.body?.cancel();
          return 'too-large';
        }
        why = `${response.status} ${await response.text()}`;
        if (response.status === 401 || why.includes(':forbidden"')) throw new Refused(this.signInNote(why));
        if (response.status < 500 && ![408, 429].includes(response.status))
          throw new Refused(`${url} refused the ${what}: ${why}`);
      } catch (error) {
        if (error instanceof Refused || signal?.aborted) throw error;
        why = String((error as { cause?: unknown }).cause ?? error);
      }
      if (Date.now() > end) throw new Error(`${url} does not answer: ${why}`);
      await sleep(backoff(failures, PAUSES), undefined, { signal });
    }
  }

  /** What to do where the server does not let the import in. */
  private signInNote(why: string): string {
    const { url, key } = this.options;
    if (why.startsWith('403')) return `${url} does not let this key import: its role must be service or admin: ${why}`;
    const make = 'yad keys create --name import --role service makes a key';
    return key === undefined
      ? `${url} wants to know who is asking: set YAD_API_KEY to a key (${make})`
      : `${url} does not take the key in YAD_API_KEY (${make}): ${why}`;
  }

  /** Resolves after so many milliseconds; rejects when the import is stopped. */
  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.options.signal });
  }

  /** An error for an answer that is not of Yad's form. */
  strange(answer: unknown): Error {
    return new Error(`${this.url} does not answer as Yad does: ${JSON.stringify(answer).slice(0, 200)}`);
  }
}

class Refused extends Error {}

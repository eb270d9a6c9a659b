import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '#platform/kernel/ids.js';
import { Program } from '../end-to-end/processes.js';

export interface Answer {
  status: number;
  body: any;
  retryAfter: string | null;
}

/** One of the apps as a process, asked over HTTP. */
export class App {
  private constructor(
    readonly program: Program,
    readonly url: string,
  ) {}

  static start(name: 'operations' | 'analytics' | 'standalone' | 'audit', databaseUrl: string, env = {}) {
    return App.of(`${name}/main.js`, { DATABASE_URL: databaseUrl, ...env });
  }

  /** As its next version might be (`newer-app.fixture.ts`). */
  static newer(name: 'operations' | 'analytics', databaseUrl: string, env = {}) {
    return App.of('../test/fixtures/newer-app.fixture.js', {
      DATABASE_URL: databaseUrl,
      YAD_TEST_APP: name,
      ...env,
    });
  }

  private static async of(main: string, env: Record<string, string>) {
    const program = new Program(main, { env: { PORT: '0', ...env } });
    // The standalone app says it in another way.
    const [, url] = await program.said(/(http:\/\/(?:localhost|127\.0\.0\.1):\d+)/);
    return new App(program, url!.replace('localhost', '127.0.0.1'));
  }

  /** Undefined where no answer came in time. */
  async post(path: string, body: unknown, headers: Record<string, string> = {}, ms = 60_000): Promise<Answer> {
    return this.ask(path, ms, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  }

  get(path: string, ms = 30_000): Promise<Answer> {
    return this.ask(path, ms, {});
  }

  /** Registers a contact. */
  register(id = newId(), headers: Record<string, string> = {}): Promise<Answer> {
    return this.post('/v1/contacts', { id, kind: 'person', name: { full: 'Ada' } }, headers);
  }

  /** Undefined when it is ready, else why not. */
  async notReady(): Promise<string | undefined> {
    const { status, body } = await this.get('/health/ready');
    return status === 200 ? undefined : body.detail;
  }

  /** Waits until it is ready. @throws Error with what it said last, where it is not after so long */
  async becomesReady(ms: number): Promise<void> {
    let said: string | undefined;
    for (const end = Date.now() + ms; ; await sleep(100)) {
      said = await this.notReady().catch(String);
      if (said === undefined) return;
      if (Date.now() > end) throw new Error(`in ${ms} ms not ready: ${said}`);
    }
  }

  private async ask(path: string, ms: number, init: RequestInit): Promise<Answer> {
    const response = await fetch(this.url + path, { ...init, signal: AbortSignal.timeout(ms) });
    const text = await response.text();
    return {
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      body: text.startsWith('{') ? JSON.parse(text) : text,
    };
  }

  async stop(): Promise<void> {
    const killing = setTimeout(() => this.program.signal('SIGKILL'), 25_000);
    await this.program.stop();
    clearTimeout(killing);
  }
}

/** Waits until a test holds. @throws Error after so long, with what it is that did not come, and the last error met */
export async function until<T>(what: string, ms: number, test: () => Promise<T | undefined | false>): Promise<T> {
  let cause: unknown;
  for (const end = Date.now() + ms; ; await sleep(100)) {
    const found = await test().catch((error: unknown) => void (cause = error));
    if (found) return found;
    if (Date.now() > end) {
      const met = cause instanceof Error ? `; the last error was: ${cause.message}` : '';
      throw new Error(`in ${ms} ms not: ${what}${met}`, { cause });
    }
  }
}

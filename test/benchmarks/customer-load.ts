import { newId } from '#platform/kernel/ids.js';
import { percentile } from './measure.js';
import { paced } from './paced.js';
import type { RawHttp } from './raw-http.js';

const SAMPLES_A_SECOND = 100;
const CONTACTS = 9_500;
const SAMPLED = 500;

export interface LoadTimes {
  /** Milliseconds from sending a command to the read model's answer that shows it. */
  p50: number;
  p99: number;
  /** Milliseconds until the command alone was answered. */
  commandP50: number;
  commandP99: number;
  samples: number;
  /** Commands answered a second. */
  rate: number;
}

/** Commands about known customers, and a look at the read model for some of them. */
export class CustomerLoad {
  private readonly contacts = Array.from({ length: CONTACTS }, newId);
  private readonly sampled = Array.from({ length: SAMPLED }, newId);
  private next = 0;
  private nextSample = 0;

  constructor(
    private readonly operations: RawHttp,
    private readonly analytics: RawHttp,
  ) {}

  /** Registers the customers and waits until the read models hold them. */
  async prepare(): Promise<void> {
    const items = [...this.contacts, ...this.sampled].map((id, at) => ({
      command: 'RegisterContact',
      input: { id, name: { full: `Customer ${at}` } },
    }));
    const position = last(await this.batch(JSON.stringify({ items }), items.length));
    for (const end = Date.now() + 60_000; ;) {
      const { status } = await this.analytics.get(`/v1/customers/${this.sampled[0]!}?minPosition=${position}`);
      if (status === 200) return;
      if (Date.now() > end) throw new Error(`the read models do not reach ${position}: ${status}`);
    }
  }

  /** @param batched commands that one request brings; 1: each comes alone. Samples always come alone. */
  async run(perSecond: number, seconds: number, batched: number): Promise<LoadTimes> {
    const whole: number[] = [];
    const commands: number[] = [];
    const others = perSecond - SAMPLES_A_SECOND;
    const load = paced(others / batched, seconds, () => (batched === 1 ? this.one() : this.many(batched)));
    const samples = paced(SAMPLES_A_SECOND, seconds, () => this.sample(whole, commands));
    const { fired, took } = await load;
    await samples;
    for (const list of [whole, commands]) list.sort((a, b) => a - b);
    return {
      p50: percentile(whole, 0.5),
      p99: percentile(whole, 0.99),
      commandP50: percentile(commands, 0.5),
      commandP99: percentile(commands, 0.99),
      samples: whole.length,
      rate: (fired * batched) / took + SAMPLES_A_SECOND,
    };
  }

  private async sample(whole: number[], commands: number[]): Promise<void> {
    const n = this.nextSample++;
    const contact = this.sampled[n % SAMPLED]!;
    const tag = `sample-${n}`;
    const sent = performance.now();
    const path = `/v1/contacts/${contact}/tags`;
    const answer = await this.operations.post(path, `{"tags":["${tag}"]}`, `Idempotency-Key: ${newId()}\r\n`);
    commands.push(performance.now() - sent);
    const { position } = JSON.parse(expectStatus(answer, 200)) as { position: string };
    const shown = await this.shown(contact, position);
    whole.push(performance.now() - sent);
    if (!shown.includes(`"${tag}"`))
      throw new Error(`${position} is said to be held, but ${tag} is not shown: ${shown}`);
  }

  /** The customer at this position; a machine that falls behind is asked again, as a reader would, and the time counts. */
  private async shown(contact: string, position: string): Promise<string> {
    for (const end = Date.now() + 60_000; ;) {
      const answer = await this.analytics.get(`/v1/customers/${contact}?minPosition=${position}`);
      if (answer.status !== 503 || Date.now() > end) return expectStatus(answer, 200);
    }
  }

  private async one(): Promise<void> {
    const { id, command, input } = this.command();
    const tagging = command === 'TagContact';
    const path = tagging ? `/v1/contacts/${id}/tags` : '/v1/orders';
    const answer = await this.operations.post(path, JSON.stringify(input), `Idempotency-Key: ${newId()}\r\n`);
    expectStatus(answer, tagging ? 200 : 201);
  }

  private async many(size: number): Promise<void> {
    const items = Array.from({ length: size }, () => ({ ...this.command(), key: newId() }));
    await this.batch(JSON.stringify({ items }), size);
  }

  private async batch(body: string, size: number): Promise<string> {
    const answer = expectStatus(await this.operations.post('/v1/commands:batch', body), 200);
    const stored = answer.split(/"status":20[01],/).length - 1;
    if (stored !== size) throw new Error(`${stored} of ${size} commands were stored: ${answer.slice(0, 500)}`);
    return answer;
  }

  /** Three in four add a tag, one places an order of two lines. */
  private command(): { command: string; id?: string; input: object } {
    const n = this.next++;
    const contact = this.contacts[n % CONTACTS]!;
    if (n % 4 > 0) return { command: 'TagContact', id: contact, input: { tags: [`load-${n}`] } };
    const line = { sku: `SKU-${n % 1000}`, quantity: '2', unitPrice: '9.95' };
    const input = { contact, currency: 'GBP', zone: 'Europe/London', lines: [line, line] };
    return { command: 'PlaceOrder', input };
  }
}

function expectStatus({ status, body }: { status: number; body: string }, wanted: number): string {
  if (status !== wanted) throw new Error(`${wanted} expected: ${status} ${body.slice(0, 500)}`);
  return body;
}

const last = (answer: string): string =>
  answer
    .match(/"position":"(\d+)"/g)!
    .at(-1)!
    .replace(/\D/g, '');

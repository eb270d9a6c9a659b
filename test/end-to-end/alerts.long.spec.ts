import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { freePort } from '#test/support/free-port.js';
import { createTestDatabase } from '#test/support/postgres.js';
import { Scrape } from '#test/support/scrape.js';
import { App, until } from '../faults/app.js';
import { Program } from './processes.js';

/** A broker that is never there: what is told of topic and relay is told all the same. */
const NOWHERE = { KAFKA_BROKERS: '127.0.0.1:1' };

interface Expression {
  readonly where: string;
  readonly text: string;
}

/** A metric that an expression names, and what it says of its labels. */
interface Selector {
  readonly name: string;
  readonly equal: readonly (readonly [label: string, value: string])[];
  readonly labels: readonly string[];
}

/** What Prometheus adds to all that it scrapes. */
const ADDED = new Set(['job', 'instance']);
/** Names that Prometheus makes. */
const OWN = new Set(['up']);

/** Functions and operators that the expressions are made of: any other name is a metric. */
const WORDS = new Set([
  ...['sum', 'max', 'min', 'topk', 'rate', 'increase', 'histogram_quantile', 'max_over_time', 'min_over_time'],
  ...['and', 'or', 'unless', 'bool'],
]);

/** The metrics of an expression, and the labels that it groups by. */
function read(expression: string): { selectors: Selector[]; grouped: string[] } {
  const grouped: string[] = [];
  const selectors: Selector[] = [];
  const rest = expression
    .replaceAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g, (_all, names: string) => {
      grouped.push(...names.split(',').map((name) => name.trim()));
      return ' ';
    })
    .replaceAll(/\[[^\]]*\]/g, ' ');
  for (const [, name, , inner = ''] of rest.matchAll(/([a-zA-Z_:][\w:]*)(\{([^}]*)\})?/g)) {
    if (WORDS.has(name!)) continue;
    const matchers = [...inner.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)];
    selectors.push({
      name: name!,
      labels: matchers.map(([, label]) => label!),
      equal: matchers.filter(([, , sign]) => sign === '=').map(([, label, , value]) => [label!, value!] as const),
    });
  }
  return { selectors, grouped };
}

describe('what is read from an expression', () => {
  it('is its metrics with their labels, and what it groups by', () => {
    const { selectors, grouped } = read(
      'histogram_quantile(0.9, sum by (le, query) (rate(a_bucket{x="1",y=~"2"}[5m]))) / max(b) > 0.5 and c == 0',
    );
    expect(grouped).toEqual(['le', 'query']);
    expect(selectors).toEqual([
      { name: 'a_bucket', labels: ['x', 'y'], equal: [['x', '1']] },
      { name: 'b', labels: [], equal: [] },
      { name: 'c', labels: [], equal: [] },
    ]);
  });
});

describe('alert rules and dashboard', () => {
  const stops: (() => Promise<unknown>)[] = [];
  /** Labels and values of each, of all apps together. */
  const served = new Map<string, Map<string, Set<string>>>();
  const types = new Map<string, string>();
  let rules: any[] = [];
  let expressions: Expression[] = [];

  beforeAll(async () => {
    const database = await createTestDatabase();
    stops.push(() => database.drop());
    const operations = await App.start('operations', database.url);
    stops.push(() => operations.stop());
    const analytics = await App.start('analytics', database.url, NOWHERE);
    stops.push(() => analytics.stop());
    const port = await freePort();
    const env = { DATABASE_URL: database.url, PORT: String(port), ...NOWHERE };
    const relay = new Program('relay/main.js', { env });
    stops.push(() => relay.stop());
    const url = `http://127.0.0.1:${port}`;
    await until('the relay answers', 30_000, async () => (await fetch(`${url}/health/live`)).ok);
    // Of each kind one, so that it has been counted.
    const { body } = await operations.register();
    await analytics.get(`/v1/customers/${body.id}`);
    for (const app of [operations.url, analytics.url, url]) {
      const scrape = await until(`metrics of ${app}`, 10_000, () => Scrape.of(app));
      for (const [name, type] of scrape.types) types.set(name, type);
      for (const { name, labels } of scrape.values) {
        const known = served.get(name) ?? new Map<string, Set<string>>();
        served.set(name, known);
        for (const [label, value] of Object.entries(labels)) {
          known.set(label, (known.get(label) ?? new Set()).add(value));
        }
      }
    }
    rules = parse(await readFile('infra/observability/alerts.yml', 'utf8')).groups.flatMap((group: any) => group.rules);
    const dashboard = JSON.parse(await readFile('infra/observability/dashboard.json', 'utf8'));
    expressions = [
      ...rules.map(({ alert, expr }) => ({ where: alert, text: expr })),
      ...dashboard.panels.flatMap(({ title, targets = [] }: any) =>
        targets.map(({ expr }: any) => ({ where: title, text: expr })),
      ),
    ];
  });
  afterAll(async () => {
    for (const stop of stops.toReversed()) await stop();
  });

  it('ask for metrics that the apps serve, and for labels that these have', () => {
    const wrong: string[] = [];
    expect(expressions.length).toBeGreaterThan(60);
    for (const { where, text } of expressions) {
      const { selectors, grouped } = read(text);
      expect([where, selectors.length]).not.toEqual([where, 0]);
      const among = new Set(ADDED);
      for (const { name, labels, equal } of selectors) {
        if (OWN.has(name)) continue;
        const known = served.get(name);
        if (!known) {
          wrong.push(`${where}: nobody serves ${name}`);
          continue;
        }
        for (const label of known.keys()) among.add(label);
        for (const label of labels) {
          if (!known.has(label) && !ADDED.has(label)) wrong.push(`${where}: ${name} has no label ${label}`);
        }
        for (const [label, value] of equal) {
          // Classes of status come as they occur.
          if (label === 'status' ? !/^[1-5]xx$/.test(value) : !known.get(label)?.has(value)) {
            wrong.push(`${where}: ${name} has no ${label} ${value}`);
          }
        }
      }
      for (const label of grouped) if (!among.has(label)) wrong.push(`${where}: none has the label ${label}`);
    }
    expect(wrong).toEqual([]);
  });

  it('take rates of what only grows, and of nothing else', () => {
    const wrong = expressions.flatMap(({ where, text }) =>
      [...text.matchAll(/\b(?:rate|increase)\(([\w:]+)/g)]
        .map(([, name]) => name!)
        .filter((name) => (types.get(name) ?? types.get(name.replace(/_(bucket|sum|count)$/, ''))) === 'gauge')
        .map((name) => `${where}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it('say of each alert what is wrong, how bad it is, and where it is written what to do', async () => {
    const guide = await readFile('docs/guides/observability.md', 'utf8');
    const headings = new Set([...guide.matchAll(/^#+ (.+)$/gm)].map(([, text]) => text!.toLowerCase()));
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels, annotations } of rules) {
      expect([alert, labels.severity]).toEqual([alert, expect.stringMatching(/^(critical|warning)$/)]);
      const { summary, description, runbook } = annotations;
      expect([alert, summary.length > 10, description.length > 20]).toEqual([alert, true, true]);
      expect(runbook).toBe(`docs/guides/observability.md#${alert.toLowerCase()}`);
      expect(headings).toContain(alert.toLowerCase());
      // What a text names of the labels must be left by the expression.
      const { grouped } = read(rules.find((rule) => rule.alert === alert).expr);
      for (const [, label] of `${summary} ${description}`.matchAll(/\$labels\.(\w+)/g)) {
        expect([alert, label, [...grouped, ...(alert === 'YadDown' ? ADDED : [])]]).toEqual([
          alert,
          label,
          expect.arrayContaining([label]),
        ]);
      }
    }
  });
});

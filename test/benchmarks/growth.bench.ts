import pg from 'pg';
import { queries } from '#analytical/index.js';
import type { Page, ReadModels } from '#platform/projections/definition/query.js';
import { fillReadModels, type GrowthSize } from '#test/fixtures/growth.fixture.js';
import { withDatabase } from './databases.js';
import type { Row } from './measure.js';

const wholeFrom = (name: string, fallback: number): number => {
  const value = Number(process.env[name] ?? fallback);
  if (!Number.isInteger(value) || value < 0) throw new Error(`${name} is a whole number, not "${process.env[name]}"`);
  return value;
};
/** Times that each question is asked; the quickest counts, as what slows the others is the machine. */
const TIMES = 9;

/** A question, and what it is measured beside: the same without filters, at its beginning, in the small system. */
interface Question {
  readonly row: string;
  readonly name: string;
  readonly parameters?: Record<string, string>;
  readonly first?: Record<string, string>;
  /** SQL of the keyset of a deep page. */
  readonly after?: string;
}

const one = `md5('c1')::uuid`;
const deep = (table: string, columns: string, order: string, where = 'true'): string =>
  `select ${columns} from ${table} where ${where} order by ${order} limit 1 offset (select count(*) * 9 / 10 from ${table} where ${where})`;
const sorts = ['id', 'name', 'recency'] as const;
const customerFilters: [string, string][] = [
  ['status', 'blocked'],
  ['status', 'active'],
  ['kind', 'organisation'],
  ['stage', 'lapsed'],
  ['owner', 'rare'],
  ['owner', 'staff4'],
  ['tag', 'gem'],
  ['tag', 'club'],
  ['tag', 'news'],
];
const documentFilters: Record<string, [string, string][]> = {
  Orders: [
    ['status', 'on-hold'],
    ['kind', 'adjustment'],
    ['currency', 'CHF'],
    ['number', 'N77'],
  ],
  Returns: [
    ['status', 'denied'],
    ['currency', 'CHF'],
  ],
  Cases: [
    ['status', 'snoozed'],
    ['open', 'true'],
    ['kind', 'incident'],
    ['queue', 'rare'],
    ['assignee', 'rare'],
    ['priority', 'urgent'],
  ],
};
const isCustomer = `status <> 'merged'`;
const deepCustomers = {
  id: deep('customers', 'subject', 'subject', isCustomer),
  name: deep('customers', 'subject, name', 'name, subject', isCustomer),
  recency: deep('customer_activity', 'subject, last_event_at', 'last_event_at desc, subject desc', isCustomer),
};
const deepDocuments: Record<string, string> = {
  Orders: deep('orders', 'ordered_at, id', 'ordered_at desc, id desc'),
  Returns: deep('returns', 'requested_at, id', 'requested_at desc, id desc'),
  Cases: deep('cases', 'opened_at, id', 'opened_at desc, id desc'),
};
const customer = { id: '$one' };
const sold = { currency: 'GBP' };
const fixed = {
  method: 'fixed',
  recencyBounds: '30,90,180,360',
  frequencyBounds: '1,2,3,4',
  monetaryBounds: '10,20,50,80',
};

const questions: Question[] = [
  ...sorts.flatMap((sort) => [
    { row: `customers by ${sort}, first page`, name: 'Customers', parameters: { sort } },
    { row: `customers by ${sort}, deep page`, name: 'Customers', parameters: { sort }, after: deepCustomers[sort] },
    ...customerFilters.map(([filter, value]) => ({
      row: `customers by ${sort}, ${filter}=${value}`,
      name: 'Customers',
      parameters: { sort, [filter]: value },
      first: { sort },
    })),
    {
      row: `customers by ${sort}, status=active and tag=gem`,
      name: 'Customers',
      parameters: { sort, status: 'active', tag: 'gem' },
      first: { sort },
    },
  ]),
  ...Object.entries(documentFilters).flatMap(([name, filters]) => [
    { row: `${name}, first page`, name },
    { row: `${name}, deep page`, name, after: deepDocuments[name] },
    ...filters.map(([filter, value]) => ({
      row: `${name}, ${filter}=${value}`,
      name,
      parameters: { [filter]: value },
      first: {},
    })),
  ]),
  { row: 'timeline of one, first page', name: 'CustomerTimeline', parameters: customer },
  {
    row: 'timeline of one, a rare type',
    name: 'CustomerTimeline',
    parameters: { ...customer, type: 'crm.service.case.opened' },
    first: customer,
  },
  { row: 'orders of one', name: 'CustomerOrders', parameters: customer },
  { row: 'customer 360', name: 'Customer360', parameters: customer },
  { row: 'RFM of one, quintiles', name: 'CustomerRfm', parameters: { ...customer, ...sold, day: '2026-06-01' } },
  {
    row: 'RFM of one, fixed bounds',
    name: 'CustomerRfm',
    parameters: { ...customer, ...sold, day: '2026-06-01', ...fixed },
  },
  { row: 'sales by day of one', name: 'SalesByDay', parameters: { customer: '$one' } },
  {
    row: 'summary of one day, as many sales as before',
    name: 'SalesSummary',
    parameters: { ...sold, from: '2024-06-01', to: '2024-06-02' },
  },
  {
    row: 'summary of one day (its sales grow, too)',
    name: 'SalesSummary',
    parameters: { ...sold, from: '2025-03-03', to: '2025-03-04' },
  },
];

/** What one system answers with: milliseconds, and pages of 8 kB that the database looks at. */
interface Cost {
  readonly ms: number;
  readonly pages: number;
}

class System {
  private readonly one: Promise<string>;
  constructor(private readonly client: pg.Client) {
    this.one = client.query(`select ${one} as id`).then(({ rows }) => rows[0].id);
  }

  async cost(name: string, given: Record<string, string> = {}, after?: string): Promise<Cost> {
    const query = queries.find((each) => each.name === name)!;
    const known = Object.entries(given).map(async ([key, value]) => [key, value === '$one' ? await this.one : value]);
    const parameters = query.parameters.parse(Object.fromEntries(await Promise.all(known)));
    const place = after === undefined ? undefined : await this.keyset(after);
    const now = new Date('2026-06-01T00:00:00Z');
    const ask = (read: ReadModels): Promise<unknown | Page<unknown>> =>
      query.run(parameters, { read, isHeavy: true, after: place, now });
    const rows = async (sql: string, values: readonly unknown[] = []): Promise<any[]> =>
      (await this.client.query({ name: nameOf(sql), text: sql, values: [...values] })).rows;
    // Nothing is written meanwhile.
    const nothingSince = {
      now: `'unchanged'::text`,
      changedAfter: (earlier: string) => `(case ${earlier} when 'unchanged' then 9223372036854775807 else -1 end)`,
    };
    const read: ReadModels = { rows, states: () => nothingSince };
    let ms = Infinity;
    for (let time = 0; time < TIMES; time++) {
      const start = performance.now();
      await ask(read);
      ms = Math.min(ms, performance.now() - start);
    }
    let pages = 0;
    const explained = async (sql: string, values: readonly unknown[] = []): Promise<any[]> => {
      const found = await this.client.query(`explain (analyze, buffers, format json) ${sql}`, [...values]);
      const { Plan } = found.rows[0]['QUERY PLAN'][0];
      pages += Plan['Shared Hit Blocks'] + Plan['Shared Read Blocks'];
      if (process.env['YAD_GROWTH_EXPLAIN'] === name) {
        const text = await this.client.query(`explain (analyze, buffers) ${sql}`, [...values]);
        console.log(JSON.stringify(given), text.rows.map((row) => row['QUERY PLAN']).join('\n'));
      }
      return rows(sql, values);
    };
    await ask(Object.assign(read, { rows: explained }));
    return { ms, pages };
  }

  private async keyset(sql: string): Promise<(string | number)[]> {
    const { rows } = await this.client.query<Record<string, unknown>>(sql);
    return Object.values(rows[0]!).map((value) => (value instanceof Date ? value.toISOString() : String(value)));
  }
}

const names = new Map<string, string>();
function nameOf(sql: string): string {
  if (!names.has(sql)) names.set(sql, `growth-${names.size}`);
  return names.get(sql)!;
}

/**
 * What questions cost in a system ten times as large, beside the first page of the same list in the small one.
 * `YAD_GROWTH_CUSTOMERS` and `YAD_GROWTH_FACTOR` say how large both are, `YAD_GROWTH_ALIASES` how many aliases the
 * large one has.
 */
export async function growthBenchmark(url: string): Promise<Row[]> {
  const customers = wholeFrom('YAD_GROWTH_CUSTOMERS', 10_000);
  const factor = wholeFrom('YAD_GROWTH_FACTOR', 10);
  const aliases = wholeFrom('YAD_GROWTH_ALIASES', 50_000);
  const large = customers * factor;
  const merged = Math.min(10, Math.floor((aliases * 100) / large));
  const only = process.env['YAD_GROWTH_ROW'];
  const asked = questions.filter(({ row }) => !only || row.includes(only));
  const small = await costsOf(url, { customers, merged: 0, attached: 0 }, asked, true);
  const rows: Row[] = [];
  const sizes: [string, GrowthSize][] = [
    [`${factor} times`, { customers: large, merged: 0, attached: 0 }],
    [
      `${factor} times, ${aliases} aliases`,
      { customers: large, merged, attached: Math.max(0, aliases - (large * merged) / 100) },
    ],
  ];
  for (const [title, size] of sizes) {
    const costs = await costsOf(url, size, asked, false);
    asked.forEach(({ row }, at) => {
      const [now, before] = [costs[at]!, small[at]!];
      rows.push({
        name: `${title}: ${row}`,
        value: now.ms,
        unit: 'ms',
        baseline: before.ms,
        ratio: now.ms / before.ms,
        note: `pages ${before.pages} -> ${now.pages}, ${(now.pages / Math.max(1, before.pages)).toFixed(1)} times`,
      });
    });
  }
  return rows;
}

/** @param firstOnly of each question, what it is measured beside */
async function costsOf(url: string, size: GrowthSize, asked: readonly Question[], firstOnly: boolean): Promise<Cost[]> {
  return withDatabase(url, async (own) => {
    const client = new pg.Client({ connectionString: own, types: typesOf() });
    await client.connect();
    try {
      const start = performance.now();
      await fillReadModels(client, size);
      console.log(`  ${size.customers} customers in ${((performance.now() - start) / 1000).toFixed(0)} s`);
      const system = new System(client);
      const costs: Cost[] = [];
      for (const { name, parameters, first = parameters, after } of asked) {
        costs.push(await (firstOnly ? system.cost(name, first) : system.cost(name, parameters, after)));
      }
      return costs;
    } finally {
      await client.end();
    }
  });
}

/** As the read models have it: a date is a text. */
function typesOf(): pg.CustomTypesConfig {
  const types = new pg.TypeOverrides();
  types.setTypeParser(pg.types.builtins.DATE, (text) => text);
  return types as unknown as pg.CustomTypesConfig;
}

import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import type { EventContract } from '#platform/kernel/event-contract.js';
import { PersistentMap, PersistentSet } from '#platform/kernel/persistent-map.js';
import { InMemoryCommandRunner } from '#test/fixtures/in-memory-command-runner.js';
import { inlined } from '#test/golden/golden.js';
import { sample } from '#test/golden/sample.js';
import { MAX_DISMISSED } from './contacts/contact/dismiss-duplicate.command.js';
import { MAX_EXTERNAL_FACTS } from './contacts/contact/import-external-facts.command.js';
import { MAX_DUPLICATES } from './contacts/contact/merge-contacts.command.js';
import { commands } from './index.js';
import { MAX_INVOICES } from './sales/order/record-invoice.command.js';
import { MAX_DUPLICATES as MAX_DUPLICATE_CASES } from './service/case/merge-cases.command.js';

// What an event costs must not grow with the events before it: a state that copies what it holds for each of its events
// costs the square of their number to load. Counted in references that are copied, never by the clock.

const aggregates = [...new Set(commands.map(({ on }) => on))];
const occurredAt = new Date('2026-01-15T12:00:00Z');

/** How often each event is folded into one state. */
const ROUNDS = 400;
/** References that a change of one entry copies at most beside those of its event: the state's own, and a path. */
const COPIED = 250;

/**
 * Events that copy a list of their state, which a rule keeps short. Another that does fails below: give its collection
 * a limit that a rule names, and put it here with a drive that meets the rule, or make it a persistent map or set.
 */
const LIMITED: Record<
  string,
  { rule: string; most: number; command: string; input: (i: number) => Record<string, unknown> }
> = {
  'crm.contacts.contact.point-added': {
    ...{ rule: 'points-within-limit', most: 100, command: 'AddContactPoint' },
    input: (i) => ({ reach: { kind: 'email', address: `a${i}@example.org` } }),
  },
  'crm.contacts.contact.identity-linked': {
    ...{ rule: 'identities-within-limit', most: 100, command: 'LinkIdentity' },
    input: (i) => ({ system: 'shop', key: `key ${i}` }),
  },
  'crm.contacts.contact.attribute-set': {
    ...{ rule: 'attributes-within-limit', most: 200, command: 'SetAttribute' },
    input: (i) => ({ name: `size-${i}`, content: { type: 'number', value: i } }),
  },
  'crm.service.case.article-linked': {
    ...{ rule: 'articles-within-limit', most: 100, command: 'LinkArticle' },
    input: (i) => ({ article: idOf(i) }),
  },
};
/** Events that change an entry of such a list or take one out: they meet no more than was put in. */
const OF_LIMITED = [
  'crm.contacts.contact.point-verified',
  'crm.contacts.contact.point-removed',
  'crm.contacts.contact.attribute-cleared',
];

const idOf = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;

const samples = new Map<EventContract<any>, unknown>();

function sampleOf(contract: EventContract<any>): unknown {
  if (!samples.has(contract)) samples.set(contract, sample(inlined(z.toJSONSchema(contract.schema)), 'full'));
  return samples.get(contract);
}

/** Data of an event, another for each number: its texts, ids and numbers differ wherever the schema lets them. */
function dataOf(contract: EventContract<any>, n: number): any {
  const vary = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(vary);
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, varied(key, each)]));
    }
    return value;
  };
  const varied = (key: string, value: unknown): unknown => {
    if (typeof value === 'string' && /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(value)) return idOf(n);
    if (typeof value === 'number' && (key === 'line' || key === 'point')) return n + 1;
    if (typeof value === 'string' && ['name', 'invoice', 'key', 'source', 'text', 'tag'].includes(key)) {
      return `${value} ${n}`;
    }
    return vary(value);
  };
  return vary(sampleOf(contract));
}

/** The objects that a value is made of. */
function partsOf(value: unknown, into: Set<object>): Set<object> {
  if (typeof value === 'object' && value !== null && !into.has(value)) {
    into.add(value);
    for (const each of Object.values(value)) partsOf(each, into);
  }
  return into;
}

/** References in what is reachable from a value and not among known parts. */
function referencesOf(value: unknown, known: Set<object>): number {
  if (typeof value !== 'object' || value === null || known.has(value)) return 0;
  known.add(value);
  const inner = Object.values(value);
  return inner.reduce<number>((sum, each) => sum + referencesOf(each, known), inner.length);
}

/** A state that has taken each of an aggregate's events many times, and what one more of each copies. */
function copiedBy(on: Aggregate): Map<string, number> {
  let state: unknown = on.initial;
  const contracts = Object.values(on.events);
  for (const contract of contracts) {
    for (let n = 0; n < ROUNDS; n++) {
      state = on.evolve(state, { type: contract.type, data: dataOf(contract, n), occurredAt });
    }
  }
  return new Map(
    contracts.map((contract) => {
      const data = dataOf(contract, ROUNDS);
      const next = on.evolve(state, { type: contract.type, data, occurredAt });
      const known = partsOf(data, partsOf(state, new Set()));
      // What an event brings is taken as it is, or made into entries of as many fields.
      const brought = referencesOf(data, new Set());
      return [contract.type, referencesOf(next, known) - 2 * brought];
    }),
  );
}

describe('collections of states', () => {
  it.each(aggregates.map((on) => [on.name, on] as const))(
    'an event of the %s copies no more of a large state than of a small one, unless a rule keeps it small',
    (_name, on) => {
      const copying = [...copiedBy(on)].filter(([, references]) => references > COPIED).map(([type]) => type);
      expect(copying.filter((type) => !(type in LIMITED) && !OF_LIMITED.includes(type))).toEqual([]);
    },
  );

  it('would be found where an event copies a list', () => {
    const [on] = aggregates;
    const contract = Object.values(on!.events)[0]!;
    const lists: Aggregate = { ...on!, events: { contract }, initial: [], evolve: (list, { data }) => [...list, data] };
    expect([...copiedBy(lists).values()][0]).toBeGreaterThan(COPIED);
  });

  it.each(Object.entries(LIMITED))('%s is refused beyond its limit, by its rule', (_type, limited) => {
    const runner = new InMemoryCommandRunner(commands);
    const id = idOf(1);
    runner.run('RegisterContact', id, { name: { full: 'Ada' } });
    runner.run('OpenCase', id, { kind: 'question', channel: 'web', title: 'Where is it?' });
    let taken = 0;
    let outcome: string | number = 1;
    while (typeof outcome === 'number' && taken <= limited.most) {
      outcome = runner.run(limited.command, id, limited.input(taken));
      if (typeof outcome === 'number') taken++;
    }
    expect([outcome, taken]).toEqual([limited.rule, limited.most]);
  });

  it('what is cheap to change has a limit, too: memory is bounded', () => {
    const many = (size: number): PersistentSet => {
      let set = PersistentSet.of();
      for (let i = 0; i < size; i++) set = set.add(idOf(i));
      return set;
    };
    const refusal = (name: string, own: object, input: object, refs: Record<string, object> = {}): string => {
      const definition = commands.find((each) => each.name === name)!;
      const named = Object.fromEntries(
        Object.entries(refs).map(([key, state]) => [key, { id: idOf(2), revision: 0, state }]),
      );
      try {
        definition.decide({ ...definition.on.initial, ...own }, input, {
          id: idOf(1),
          now: occurredAt,
          actor: 'spec',
          refs: named as any,
        });
      } catch (error) {
        return (error as { rule: string }).rule;
      }
      return 'none';
    };
    const contact = aggregates.find(({ name }) => name === 'contact')!.initial;
    const issue = aggregates.find(({ name }) => name === 'case')!.initial;
    const known = { ...contact, status: 'identified', identificationLevel: 'identified' };
    const full = { ...known, mergedDuplicates: many(MAX_DUPLICATES) };
    expect(refusal('MergeContacts', known, { into: idOf(2) }, { into: full })).toBe('duplicates-within-limit');
    const dismissing = { ...known, dismissed: many(MAX_DISMISSED) };
    const other = { other: idOf(MAX_DISMISSED + 1) };
    expect(refusal('DismissDuplicate', dismissing, other, { other: known })).toBe('dismissed-within-limit');
    let facts = PersistentMap.empty<object>();
    for (let i = 0; i < MAX_EXTERNAL_FACTS; i++) facts = facts.set(String(i), {});
    const fact = { name: 'size', content: { type: 'number', value: 1 } };
    const told = { source: 'register', date: '2026-01-01', licence: 'OGL', facts: [fact] };
    expect(refusal('ImportExternalFacts', { ...known, externalFacts: facts }, told)).toBe('facts-within-limit');
    const open = { ...issue, status: 'new' };
    const original = { ...open, mergedDuplicates: many(MAX_DUPLICATE_CASES) };
    expect(refusal('MergeCases', open, { into: idOf(2) }, { into: original })).toBe('duplicates-within-limit');
    const order = { status: 'confirmed', invoices: many(MAX_INVOICES) };
    const terms = { kind: 'sale', currency: 'GBP', zone: 'UTC', lines: [], net: '9' };
    const invoice = { invoice: 'I', amount: '1', currency: 'GBP' };
    expect(refusal('RecordInvoice', { ...order, terms }, invoice)).toBe('invoices-within-limit');
  });
});

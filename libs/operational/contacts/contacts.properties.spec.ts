import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Contact, relationKey } from './contact/contact.aggregate.js';
import type { ContactState } from './contact/contact.aggregate.js';
import { contactCommands } from './index.js';
import { InMemoryCommandRunner } from '#test/fixtures/in-memory-command-runner.js';

const ids = [1, 2, 3, 4].map((n) => `0198f3a0-0000-7000-8000-00000000c00${n}`);
const id = fc.constantFrom(...ids);
const none = fc.constant({});
const name = fc.constantFrom('Sara', 'Omid', 'Acme').map((full) => ({ full }));
const reach = fc.oneof(
  fc.constantFrom('a@example.com', 'b@example.com').map((address) => ({ kind: 'email', address })),
  fc.constant({ kind: 'phone', number: '+442079460000' }),
);
const content = fc.constantFrom(
  { type: 'number', value: 1 },
  { type: 'number', value: 2 },
  { type: 'string', value: 'L' },
  null,
);
const tags = fc.subarray(['a', 'b', 'c'], { minLength: 1 });
const reason = fc.constant({ reason: 'test' });
// Mostly one kind, so that a relation is now and then ended too.
const kind = fc.constantFrom('household', 'household', 'household', 'works-at', 'parent-company');

const inputs: Record<string, fc.Arbitrary<Record<string, unknown>>> = {
  RegisterContact: fc.record(
    { kind: fc.constantFrom('person', 'organisation'), name, stage: fc.constantFrom('lead', 'customer') },
    { requiredKeys: [] },
  ),
  UpdateContactDetails: fc.record({ name, jobTitle: fc.constantFrom('Buyer', null) }, { requiredKeys: [] }),
  AddContactPoint: fc.record({ reach }),
  VerifyContactPoint: fc.record({ point: fc.constantFrom(1, 2, 3), method: fc.constant('link') }),
  RemoveContactPoint: fc.record({ point: fc.constantFrom(1, 2, 3) }),
  LinkIdentity: fc.record({ system: fc.constant('shop'), key: fc.constantFrom('1', '2') }),
  AssignOwner: fc.record({ owner: fc.constantFrom('lena', 'omid', null) }),
  TagContact: fc.record({ tags }),
  UntagContact: fc.record({ tags }),
  SetAttribute: fc.record({ name: fc.constantFrom('size', 'constructor'), content }),
  ImportExternalFacts: fc.record({
    source: fc.constant('register'),
    date: fc.constantFrom('2026-01-01', '2026-01-02'),
    licence: fc.constant('OGL'),
    facts: fc.constant([{ name: 'employees', content: { type: 'number', value: 3 } }]),
  }),
  RelateContacts: fc.record({ kind, to: id }),
  UnrelateContacts: fc.record({ kind, to: id }),
  MergeContacts: fc.record({ into: id }),
  UnmergeContacts: fc.record({ from: id }),
  DismissDuplicate: fc.record({ other: id }),
  BlockContact: reason,
  ArchiveContact: reason,
  RestoreContact: none,
  ChangeLifecycleStage: fc.record({ stage: fc.constantFrom('lead', 'prospect', 'customer', 'loyal', 'lapsed') }),
};
const stepOf = (names: string[]) =>
  fc.oneof(...names.map((name) => fc.record({ name: fc.constant(name), id, input: inputs[name]! })));
const all = Object.keys(inputs);
const merging = ['MergeContacts', 'UnmergeContacts'];
const history = (names: string[], most: number) => fc.array(stepOf(names), { maxLength: most, size: 'max' });

/** What the states say; persistent collections by their entries, as they also know how many they have ever had. */
const statesOf = (runner: InMemoryCommandRunner): Record<keyof ContactState, unknown>[] =>
  ids.map((id) => {
    const contact = runner.state(Contact, id);
    const { externalFacts, relations, mergedDuplicates, dismissed } = contact;
    const [facts, related] = [[...externalFacts], [...relations]];
    const ofIds = { mergedDuplicates: [...mergedDuplicates], dismissed: [...dismissed] };
    return { ...contact, externalFacts: facts, relations: related, ...ofIds };
  });
const begin = (): InMemoryCommandRunner => new InMemoryCommandRunner(contactCommands);

/** Four contacts with some past, none of them merged. */
function livedIn(past: { name: string; id: string; input: Record<string, unknown> }[]): InMemoryCommandRunner {
  const runner = begin();
  for (const id of ids) runner.run('RegisterContact', id, { name: { full: 'Sara' } });
  for (const { name, id, input } of past) runner.run(name, id, input);
  return runner;
}
const peaceful = history(
  all.filter((name) => !merging.includes(name)),
  40,
);

// As operations.md draws it, said apart from the code: what one event may make of a status.
const KNOWN = ['anonymous', 'identified', 'active'];
const LEGAL: Record<string, string[]> = {
  none: KNOWN,
  anonymous: ['identified', 'blocked', 'archived', 'merged'],
  identified: ['active', 'blocked', 'archived', 'merged'],
  active: ['blocked', 'archived', 'merged'],
  blocked: [...KNOWN, 'archived', 'merged'],
  archived: [...KNOWN, 'blocked', 'merged'],
  merged: [...KNOWN, 'blocked', 'archived'],
};

describe('contacts, whatever is sent', () => {
  it('merge then unmerge gives back the exact state of both', () => {
    let merged = 0;
    fc.assert(
      fc.property(peaceful, id, id, (past, loser, survivor) => {
        const runner = livedIn(past);
        const before = statesOf(runner);
        if (typeof runner.run('MergeContacts', loser, { into: survivor }) === 'string') return;
        merged++;
        expect(runner.state(Contact, loser).status).toBe('merged');
        expect(runner.run('UnmergeContacts', loser, { from: survivor })).toBe(2);
        expect(statesOf(runner)).toStrictEqual(before);
      }),
      { numRuns: 300 },
    );
    expect(merged).toBeGreaterThan(20);
  });

  it('merges undone in any order give back every state, chains of them too', () => {
    fc.assert(
      fc.property(peaceful, history(merging, 30), fc.shuffledSubarray(ids, { minLength: 4 }), (past, merges, order) => {
        const runner = livedIn(past);
        const before = statesOf(runner);
        for (const { name, id, input } of merges) runner.run(name, id, input);
        for (const id of order) {
          const { mergedInto } = runner.state(Contact, id);
          if (mergedInto !== null) expect(runner.run('UnmergeContacts', id, { from: mergedInto })).toBe(2);
        }
        expect(statesOf(runner)).toStrictEqual(before);
      }),
      { numRuns: 300 },
    );
  });

  it('no illegal transition, no circle of aliases, both sides of a merge and of a relation agree', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(fc.array(stepOf(all), { minLength: 60, maxLength: 120, size: 'max' }), (steps) => {
        const runner = begin();
        for (const id of ids)
          runner.run('RegisterContact', id, id === ids[3] ? { kind: 'organisation', name: { full: 'Acme' } } : {});
        for (const { name, id, input } of steps) {
          const events = runner.steps.length;
          const outcome = runner.run(name, id, input);
          assert.equal(runner.steps.length - events, typeof outcome === 'string' ? 0 : outcome);
          if (outcome !== 0 && typeof outcome !== 'string') agree(runner);
        }
        for (const { before, after } of runner.steps) {
          const legal = before.status === after.status || LEGAL[before.status]!.includes(after.status);
          assert(legal, `${before.status} became ${after.status}`);
        }
        for (const name of runner.accepted) reached.add(name);
      }),
      { numRuns: 300 },
    );
    // The property says nothing of commands that were only ever refused.
    expect([...reached].toSorted()).toEqual(all.toSorted());
  });
});

// By node:assert: it is called so often that Jest's expect would take most of the time.
function agree(runner: InMemoryCommandRunner): void {
  for (const id of ids) {
    const contact = runner.state(Contact, id);
    assert.equal(contact.status === 'merged', contact.mergedInto !== null);
    if (contact.mergedInto) assert(runner.state(Contact, contact.mergedInto).mergedDuplicates.has(id));
    for (const alias of contact.mergedDuplicates) assert.equal(runner.state(Contact, alias).mergedInto, id);
    for (const { kind, other, direction } of contact.relations.values()) {
      const back = direction === 'to' ? 'from' : 'to';
      const { relations } = runner.state(Contact, other);
      assert(relations.has(relationKey({ kind, other: id, direction: back })));
    }
    assert.equal(new Set(contact.points.map(({ point }) => point)).size, contact.points.length);
    let survivor: string | null = id;
    for (let hops = 0; survivor; hops++) {
      assert(hops < ids.length, 'the aliases go in a circle');
      survivor = runner.state(Contact, survivor).mergedInto;
    }
  }
}

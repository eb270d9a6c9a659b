import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { InMemoryCommandRunner } from '#test/fixtures/in-memory-command-runner.js';
import { Case } from './case/case.aggregate.js';
import { serviceCommands } from './index.js';

const ids = [1, 2, 3].map((n) => `0198f3a0-0000-7000-8000-00000000ca0${n}`);
const id = fc.constantFrom(...ids);
const none = fc.constant({});
const text = fc.constant({ text: 'Words' });
const reason = fc.constant({ reason: 'test' });
const staff = fc.constantFrom('lena', 'omid');
const queue = fc.constantFrom('returns', 'repairs');
const article = fc.constantFrom(...ids);

const inputs: Record<string, fc.Arbitrary<Record<string, unknown>>> = {
  OpenCase: fc.constant({ kind: 'question', channel: 'web', title: 'How?' }),
  ClassifyCase: fc.record({ category: fc.constantFrom('leak', null) }),
  AssignCase: fc.record({ assignee: staff }),
  TransferCase: fc.record({ queue, assignee: staff }, { requiredKeys: ['queue'] }),
  ChangePriority: fc.record({ priority: fc.constantFrom('low', 'urgent') }),
  ReplyToCustomer: text,
  RecordCustomerReply: text,
  AddInternalNote: text,
  AwaitCustomer: none,
  AwaitThirdParty: fc.record({ party: fc.constantFrom('Potter', 'Carrier') }),
  SnoozeCase: fc.record({
    until: fc.constantFrom('2026-01-19T08:00:00Z', '2026-01-10T08:00:00Z'),
    zone: fc.constant('Asia/Tehran'),
  }),
  ResumeCase: none,
  EscalateCase: reason,
  ResolveCase: fc.constant({ resolution: 'solved' }),
  CloseCase: none,
  ReopenCase: reason,
  RejectCase: reason,
  MergeCases: fc.record({ into: id }),
  LinkArticle: fc.record({ article }),
  RecordSatisfaction: fc.record({ score: fc.constantFrom(1, 5) }),
};
const all = Object.keys(inputs);
// Less weight on what ends a case, so that many runs come far.
const ending = ['RejectCase', 'MergeCases', 'TransferCase'];
const step = fc.oneof(
  ...all.map((name) => ({
    weight: ending.includes(name) ? 1 : 3,
    arbitrary: fc.record({ name: fc.constant(name), id, input: inputs[name]! }),
  })),
);

// As operations.md draws it, said apart from the code: what one event may make of a status.
const WORK = ['in-progress', 'pending-customer', 'pending-third-party', 'snoozed'];
const OUT = ['new', 'assigned', 'resolved', 'rejected', 'duplicate'];
const LEGAL: Record<string, string[]> = {
  none: ['new'],
  new: ['assigned', 'rejected', 'duplicate'],
  assigned: [...WORK, ...OUT],
  'in-progress': [...WORK, ...OUT],
  'pending-customer': [...WORK, ...OUT],
  'pending-third-party': [...WORK, ...OUT],
  snoozed: [...WORK, ...OUT],
  resolved: ['closed', 'in-progress'],
  closed: ['in-progress'],
  rejected: ['new', 'in-progress'],
  duplicate: ['new', 'in-progress'],
};

describe('cases, whatever is sent', () => {
  it('no illegal transition; refused commands yield nothing; duplicates and originals agree', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 120, size: 'max' }), (steps) => {
        const runner = new InMemoryCommandRunner(serviceCommands);
        for (const id of ids.slice(1)) runner.run('OpenCase', id, { kind: 'incident', channel: 'phone', title: 'Now' });
        for (const { name, id, input } of steps) {
          const events = runner.steps.length;
          const outcome = runner.run(name, id, input);
          assert.equal(runner.steps.length - events, typeof outcome === 'string' ? 0 : outcome);
          if (outcome !== 0 && typeof outcome !== 'string') for (const id of ids) holds(runner, id);
        }
        for (const { before, after, type } of runner.steps) {
          const legal = before.status === after.status || LEGAL[before.status]!.includes(after.status);
          assert(legal, `${before.status} became ${after.status}`);
          assert(!type.endsWith('.first-response-recorded') || before.firstRespondedAt === undefined);
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
function holds(runner: InMemoryCommandRunner, id: string): void {
  const state = runner.state(Case, id);
  const { status, overview } = state;
  if (status === 'none') return;
  assert.equal(overview.status, status);
  // Whoever works on a case has a name; a new case is nobody's.
  if (status === 'new') assert.equal(overview.assignee, undefined);
  if (['assigned', ...WORK, 'resolved', 'closed'].includes(status)) assert(overview.assignee);
  assert.equal(state.snoozedUntil !== undefined, status === 'snoozed');
  assert.equal(state.party !== undefined, status === 'pending-third-party');
  assert.equal(state.resolution !== undefined, status === 'resolved' || status === 'closed');
  assert.equal(state.duplicateOf !== undefined, status === 'duplicate');
  if (state.duplicateOf) assert(runner.state(Case, state.duplicateOf).mergedDuplicates.has(id));
  // From merge to merge there is an end, where the case is worked on.
  const seen = new Set([id]);
  for (let at = state.duplicateOf; at; at = runner.state(Case, at).duplicateOf) assert(seen.size < seen.add(at).size);
  for (const duplicate of state.mergedDuplicates) assert.equal(runner.state(Case, duplicate).duplicateOf, id);
}

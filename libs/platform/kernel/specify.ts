import { isDeepStrictEqual } from 'node:util';
import { evolveAll } from './aggregate.js';
import type { CommandDefinition, Decision, EventAt, Referenced } from './command.js';
import { RuleViolation } from './errors.js';
import type { DomainEvent } from './event-contract.js';

type Given = readonly DomainEvent<any>[];

interface Scenario {
  given: Given;
  refs: Record<string, Given>;
  now: Date;
  id: string;
}

/**
 * Specifications that read like prose:
 * `specify(confirmOrder).given(orderPlaced(…)).when({ note }).then(orderConfirmed({ note }))`.
 * The input goes through the command's schema and each decided event through its contract, so that a
 * decision that would store a malformed event fails here.
 */
export function specify<State, Input>(command: CommandDefinition<State, Input>) {
  const fixed = { now: new Date('2026-01-15T12:00:00Z'), id: '00000000-0000-7000-8000-000000000001' };
  const start = (scenario: Scenario) => ({
    given: (...events: Given) => start({ ...scenario, given: events }),
    /** The past of a referenced aggregate. */
    where: (reference: string, ...events: Given) =>
      start({ ...scenario, refs: { ...scenario.refs, [reference]: events } }),
    on: (now: string) => start({ ...scenario, now: new Date(now) }),
    when: (input: Record<string, unknown>) => outcome(command, scenario, input),
  });
  return start({ given: [], refs: {}, ...fixed });
}

function outcome(command: CommandDefinition, scenario: Scenario, raw: Record<string, unknown>) {
  const run = (): (DomainEvent<any> | EventAt)[] => {
    const input = command.input.parse(raw);
    const state = evolveAll(command.on, command.on.initial, scenario.given, scenario.now);
    const refs: Record<string, Referenced<any> | undefined> = {};
    for (const [name, ref] of Object.entries(command.refs)) {
      const id = ref.id(input, state);
      const past = scenario.refs[name] ?? [];
      if (id === undefined) continue;
      const refState = evolveAll(ref.aggregate, ref.aggregate.initial, past, scenario.now);
      refs[name] = { id, state: refState, revision: past.length - 1 };
    }
    const decided = list(
      command.decide(state, input, { id: scenario.id, now: scenario.now, actor: 'spec', refs: refs as any }),
    );
    for (const item of decided) {
      const event = 'at' in item ? item.event : item;
      event.contract.schema.parse(event.data);
    }
    return decided;
  };
  const plain = (item: DomainEvent<any> | EventAt): unknown =>
    'at' in item
      ? { at: item.at, type: item.event.contract.type, data: item.event.data }
      : { type: item.contract.type, data: item.data };
  const differ = (what: string, actual: unknown): never => {
    throw new Error(`${command.name}: ${what}, but got ${JSON.stringify(actual)}`);
  };
  return {
    then: (...expected: (DomainEvent<any> | EventAt)[]): void => {
      const actual = run().map(plain);
      const wanted = expected.map(plain);
      // Through JSON, as stored: an undefined field and an absent one are the same.
      const stored = (v: unknown) => JSON.parse(JSON.stringify(v)) as unknown;
      if (!isDeepStrictEqual(stored(actual), stored(wanted))) differ(`expected ${JSON.stringify(wanted)}`, actual);
    },
    nothing: (): void => {
      const actual = run();
      if (actual.length > 0) differ('expected no event', actual.map(plain));
    },
    refused: (rule: string): void => {
      try {
        const actual = run();
        differ(`expected a refusal by ${rule}`, actual.map(plain));
      } catch (error) {
        if (!(error instanceof RuleViolation)) throw error;
        if (error.rule !== rule) differ(`expected a refusal by ${rule}`, error.rule);
      }
    },
    invalid: (pointer: string): void => {
      const parsed = command.input.safeParse(raw);
      const pointers = parsed.success ? [] : parsed.error.issues.map((issue) => `/${issue.path.join('/')}`);
      if (!pointers.includes(pointer)) differ(`expected the input to be refused at ${pointer}`, pointers);
    },
  };
}

/** A decision as a list. */
export const list = (decision: Decision): (DomainEvent<any> | EventAt)[] =>
  decision === undefined ? [] : Array.isArray(decision) ? [...decision] : [decision as DomainEvent<any>];

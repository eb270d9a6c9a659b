import { isDeepStrictEqual } from 'node:util';
import type { Aggregate } from './aggregate.js';
import { Chronology } from './chronology.js';
import { assertInOrder } from './command.js';
import type { CommandDefinition, Decision, EventAt, Referenced, Standing } from './command.js';
import { InvalidInput, RuleViolation } from './errors.js';
import type { DomainEvent } from './event-contract.js';

/** An event of the past with a date of its own; without one it is of the day on which the command is decided. */
interface Dated {
  readonly dated: Date;
  readonly event: DomainEvent<any>;
}
/** Dates an event of the past: `given(dated('2026-05-05T10:00:00Z', orderPlaced(…)))`. */
export const dated = (instant: string, event: DomainEvent<any>): Dated => ({ dated: new Date(instant), event });

type Given = readonly (DomainEvent<any> | Dated)[];

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

/** The state and the dates of a stream after its past. */
function standing(on: Aggregate, stream: string, past: Given, now: Date): Standing {
  const dates = new Chronology();
  let state = on.initial;
  for (const item of past) {
    const [{ contract, data }, occurredAt] = 'dated' in item ? [item.event, item.dated] : [item, now];
    const event = { type: contract.type, data, occurredAt };
    dates.note(on.dating(state, event), occurredAt.getTime());
    state = on.evolve(state, event);
  }
  return { stream, state, dates };
}

function outcome(command: CommandDefinition, scenario: Scenario, raw: Record<string, unknown>) {
  const run = (): (DomainEvent<any> | EventAt)[] => {
    const input = command.input.parse(raw);
    const { now } = scenario;
    command.pastDays.assertCome(input, now);
    const own = standing(command.on, `the ${command.on.name}`, scenario.given, now);
    const { state } = own;
    const refs: Record<string, Referenced<any> | undefined> = {};
    const looked: Record<string, { entry: Standing }> = {};
    for (const [name, ref] of Object.entries(command.refs)) {
      const id = ref.id(input, state);
      const past = scenario.refs[name] ?? [];
      if (id === undefined) continue;
      const entry = standing(ref.aggregate, `the ${name}`, past, now);
      looked[name] = { entry };
      refs[name] = { id, state: entry.state, revision: past.length - 1 };
    }
    const decided = list(command.decide(state, input, { id: scenario.id, now, actor: 'spec', refs: refs as any }));
    assertInOrder(command, own, looked, decided, now.getTime());
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
    /** It decides something, whatever it is. */
    accepted: (): void => {
      if (run().length === 0) differ('expected events', []);
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
      const pointers = parsed.success
        ? ahead(command, parsed.data, scenario.now)
        : parsed.error.issues.map((issue) => `/${issue.path.join('/')}`);
      if (!pointers.includes(pointer)) differ(`expected the input to be refused at ${pointer}`, pointers);
    },
  };
}

/** Pointers to the days of an input that have not come yet. */
function ahead(command: CommandDefinition, input: unknown, now: Date): string[] {
  try {
    command.pastDays.assertCome(input, now);
    return [];
  } catch (error) {
    return (error as InvalidInput).issues.map(({ pointer }) => pointer);
  }
}

/** A decision as a list. */
export const list = (decision: Decision): (DomainEvent<any> | EventAt)[] =>
  decision === undefined ? [] : Array.isArray(decision) ? [...decision] : [decision as DomainEvent<any>];

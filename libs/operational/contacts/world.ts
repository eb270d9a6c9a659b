import type { Aggregate } from '#platform/kernel/aggregate.js';
import type { CommandDefinition } from '#platform/kernel/command.js';
import { streamOf } from '#platform/kernel/envelope.js';
import { RuleViolation } from '#platform/kernel/errors.js';
import { encode } from '#platform/kernel/event-catalogue.js';
import { list } from '#platform/kernel/specify.js';

/** One event as it was folded. */
export interface Step {
  stream: string;
  type: string;
  data: any;
  before: any;
  after: any;
}

/**
 * A small world for property tests: decides and stores as the pipeline does, in memory. States are frozen, so
 * that a decision or a fold that changes what it was given throws; events go through their stored form.
 */
export class World {
  private readonly states = new Map<string, any>();
  private readonly definitions: ReadonlyMap<string, CommandDefinition>;
  /** Names of the commands that decided at least one event. */
  readonly accepted = new Set<string>();
  readonly steps: Step[] = [];

  constructor(
    definitions: readonly CommandDefinition[],
    private readonly now = new Date('2026-01-15T12:00:00Z'),
  ) {
    this.definitions = new Map(definitions.map((definition) => [definition.name, definition]));
  }

  state<S>(on: Aggregate<S>, id: string): S {
    return this.states.get(streamOf(on.name, id)) ?? on.initial;
  }

  /**
   * Runs a command on an aggregate.
   * @returns the rule that refused it, or how many events it decided.
   */
  run(name: string, id: string, raw: Record<string, unknown>): string | number {
    const definition = this.definitions.get(name)!;
    const input = definition.input.parse(raw);
    const own = deepFreeze(this.state(definition.on, id));
    const refs: Record<string, any> = {};
    for (const [key, ref] of Object.entries(definition.refs)) {
      const refId = ref.id(input, own);
      if (refId) refs[key] = { id: refId, state: deepFreeze(this.state(ref.aggregate, refId)), revision: 0 };
    }
    let decided: ReturnType<typeof list>;
    try {
      decided = list(definition.decide(own, input, { id, now: this.now, actor: 'property', refs }));
    } catch (error) {
      if (!(error instanceof RuleViolation)) throw error;
      return error.rule;
    }
    for (const item of decided) {
      const [event, on, target] =
        'at' in item
          ? [item.event, definition.refs[item.at]!.aggregate, refs[item.at].id as string]
          : [item, definition.on, id];
      this.store(event, on, target);
    }
    if (decided.length > 0) this.accepted.add(name);
    return decided.length;
  }

  private store(event: Parameters<typeof encode>[0], on: Aggregate, id: string): void {
    event.contract.schema.parse(event.data);
    const { data, sealed } = encode(event);
    const stored = { ...JSON.parse(data), ...JSON.parse(sealed ?? '{}') };
    const { type } = event.contract;
    const before = this.state(on, id);
    const after = deepFreeze(on.evolve(before, { type, data: stored, occurredAt: this.now }));
    this.states.set(streamOf(on.name, id), after);
    this.steps.push({ stream: streamOf(on.name, id), type, data: stored, before, after });
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

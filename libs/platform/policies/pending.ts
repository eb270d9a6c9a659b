import { commandIdOf } from '#platform/command-handling/command-message.js';
import { streamName, type RecordedEvent, type StoredEvent } from '#platform/kernel/envelope.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import type { SecretIds } from '#platform/kernel/ids.js';
import {
  actsOn,
  isPolicyActor,
  policyActor,
  withdraws,
  type PolicyContext,
  type PolicyDefinition,
} from '#platform/kernel/policy.js';
import { foldedWith, keptText, type Folded, type StateChange, type StateSource } from './policy-states.js';

/** A policy as it runs here. */
export interface ActivePolicy {
  readonly definition: PolicyDefinition;
  /** What its setting says; 0 where it has none. */
  readonly days: number;
}

/** A command that is to be sent, as it is kept: where its event stands, and when it is due. */
export interface PendingCommand {
  readonly commandId: string;
  readonly policy: string;
  readonly position: bigint;
  readonly eventId: string;
  readonly aggregate: string;
  readonly aggregateId: string;
  readonly revision: number;
  readonly subject: string;
  readonly due: Date;
}

/** One that follows from an event, and the policy's command that caused the event, where one did. */
export interface NewPending extends PendingCommand {
  readonly cause: string | null;
}

/** The timers of a stream that were set before a position are taken back, but not the one that did it by its command. */
export interface TakenBack {
  readonly policy: string;
  readonly aggregate: string;
  readonly aggregateId: string;
  readonly before: bigint;
  readonly by: string;
}

/** What follows from some events: first is taken back, then added. */
export interface PolicyChanges {
  readonly added: readonly NewPending[];
  readonly takenBack: readonly TakenBack[];
  /** How the states of subjects are now that have changed, or that no row told. */
  readonly states: readonly StateChange[];
}

/** From where states are taken that events are folded into, and through which position of a subject. */
export interface StatesBefore {
  readonly source: StateSource;
  through(subject: string): bigint;
  /** Told of the states after the events. */
  after?(states: ReadonlyMap<string, Folded>): void;
}

export interface PolicyReaderOptions {
  readonly codec: EventCodec;
  /** What command ids are made under: that of all commands. */
  readonly ids: SecretIds;
  /** In which days are counted that have no zone of their own. */
  readonly zone: string;
}

/** Reads off events what policies have to do about them. Pure but for the codec. */
export class PolicyReader {
  constructor(private readonly options: PolicyReaderOptions) {}

  contextOf({ days }: ActivePolicy, state?: unknown): PolicyContext<unknown> {
    return { days, zone: this.options.zone, state };
  }

  /** The id that the command of a policy about an event always has: whichever version, and however often it is sent. */
  commandId(policy: string, eventId: string): string {
    return commandIdOf(this.options.ids, policyActor(policy), eventId);
  }

  /** When a command is due. @throws whatever `after` throws; Error where it gives no date */
  dueOf({ definition }: ActivePolicy, event: RecordedEvent, context: PolicyContext<unknown>): Date | undefined {
    const { after, name } = definition;
    if (!after) return event.recordedAt;
    const due = after(event, context);
    if (due && Number.isNaN(due.getTime())) throw new Error(`${name}: its timer has no date`);
    return due;
  }

  /** What follows from these events, which are in the order of the log. */
  async changes(policy: ActivePolicy, events: readonly StoredEvent[], before: StatesBefore): Promise<PolicyChanges> {
    const { definition } = policy;
    const handled = events.filter(({ type }) => definition.versions.has(type));
    if (handled.length === 0) return NOTHING;
    await this.options.codec.prepare(new Set(handled.map(({ subject }) => subject)));
    const states = await BatchStates.of(definition, handled, before);
    /** By stream. */
    const added = new Map<string, NewPending[]>();
    const takenBack: TakenBack[] = [];
    for (const stored of handled) {
      const folded = states?.add(stored, this.options.codec);
      const event = this.decoded(stored);
      const { aggregate, aggregateId, position, commandId } = stored;
      if (event && withdraws(definition, event)) {
        const left = added.get(streamName(stored))?.filter((row) => row.commandId === commandId);
        if (left) added.set(streamName(stored), left);
        takenBack.push({ policy: definition.name, aggregate, aggregateId, before: position, by: commandId });
      }
      const row = this.rowOf(policy, stored, event, folded);
      if (!row) continue;
      const ofStream = added.get(streamName(stored));
      if (ofStream) ofStream.push(row);
      else added.set(streamName(stored), [row]);
    }
    if (states) before.after?.(states.now);
    return { added: [...added.values()].flat(), takenBack, states: states?.changes() ?? [] };
  }

  private rowOf(
    policy: ActivePolicy,
    stored: StoredEvent,
    event: RecordedEvent | undefined,
    folded: Folded = { state: undefined },
  ): NewPending | undefined {
    const { definition } = policy;
    // One that cannot be read or judged is kept as due: whoever sends it meets the error, and parks it.
    let due: Date | undefined = stored.recordedAt;
    if (event && 'state' in folded) {
      try {
        const context = this.contextOf(policy, folded.state);
        if (!actsOn(definition, event, context)) return undefined;
        due = this.dueOf(policy, event, context);
      } catch {
        due = stored.recordedAt;
      }
    } else if (!definition.on.some(({ type }) => type === stored.type)) return undefined;
    if (!due) return undefined;
    const { id: eventId, position, aggregate, aggregateId, revision, subject, commandId: cause, meta } = stored;
    const commandId = this.commandId(definition.name, eventId);
    const about = { commandId, policy: definition.name, position, eventId, aggregate, aggregateId, revision, subject };
    return { ...about, due, cause: isPolicyActor(meta.actor) ? cause : null };
  }

  private decoded(stored: StoredEvent): RecordedEvent | undefined {
    try {
      return this.options.codec.decode(stored);
    } catch {
      return undefined;
    }
  }
}

const NOTHING: PolicyChanges = { added: [], takenBack: [], states: [] };

/** The states of the subjects of some events, while these are folded into them. */
class BatchStates {
  readonly now: Map<string, Folded>;
  private readonly folded = new Map<string, bigint>();
  private readonly types: ReadonlySet<string>;

  private constructor(
    private readonly definition: PolicyDefinition,
    private readonly before: ReadonlyMap<string, Folded>,
  ) {
    this.now = new Map(before);
    this.types = new Set(definition.state!.on.map(({ contract }) => contract.type));
  }

  static async of(
    definition: PolicyDefinition,
    events: readonly StoredEvent[],
    { source, through }: StatesBefore,
  ): Promise<BatchStates | undefined> {
    if (!definition.state) return undefined;
    const asked = new Map(events.map(({ subject }) => [subject, through(subject)]));
    return new BatchStates(definition, await source.states(definition, asked));
  }

  /** The state of its subject after an event. */
  add(stored: StoredEvent, codec: EventCodec): Folded {
    const { subject, type, position } = stored;
    let state = this.now.get(subject)!;
    if (this.types.has(type)) {
      this.folded.set(subject, position);
      state = foldedWith(this.definition, codec, state, stored);
      this.now.set(subject, state);
    }
    return state;
  }

  /** Those that are to be kept: also the same as before, since it may have been nowhere but in the log. */
  changes(): StateChange[] {
    const { name: policy, version } = this.definition;
    return [...this.folded].map(([subject, position]) => {
      const text = keptText(this.definition, this.now.get(subject)!);
      return { policy, version, subject, position, text };
    });
  }
}

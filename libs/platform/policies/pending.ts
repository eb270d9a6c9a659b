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

  contextOf({ days }: ActivePolicy): PolicyContext<undefined> {
    return { days, zone: this.options.zone, state: undefined };
  }

  /** The id that the command of a policy about an event always has: whichever version, and however often it is sent. */
  commandId(policy: string, eventId: string): string {
    return commandIdOf(this.options.ids, policyActor(policy), eventId);
  }

  /** When a command is due. @throws whatever `after` throws; Error where it gives no date */
  dueOf(policy: ActivePolicy, event: RecordedEvent): Date | undefined {
    const { after, name } = policy.definition;
    if (!after) return event.recordedAt;
    const due = after(event, this.contextOf(policy));
    if (due && Number.isNaN(due.getTime())) throw new Error(`${name}: its timer has no date`);
    return due;
  }

  /** What follows from these events, which are in the order of the log. */
  async changes(policy: ActivePolicy, events: readonly StoredEvent[]): Promise<PolicyChanges> {
    const { definition } = policy;
    const handled = events.filter(({ type }) => definition.versions.has(type));
    if (handled.length === 0) return NOTHING;
    await this.options.codec.prepare(new Set(handled.map(({ subject }) => subject)));
    /** By stream. */
    const added = new Map<string, NewPending[]>();
    const takenBack: TakenBack[] = [];
    for (const stored of handled) {
      const event = this.decoded(stored);
      const { aggregate, aggregateId, position, commandId } = stored;
      if (event && withdraws(definition, event)) {
        const left = added.get(streamName(stored))?.filter((row) => row.commandId === commandId);
        if (left) added.set(streamName(stored), left);
        takenBack.push({ policy: definition.name, aggregate, aggregateId, before: position, by: commandId });
      }
      const row = this.rowOf(policy, stored, event);
      if (!row) continue;
      const ofStream = added.get(streamName(stored));
      if (ofStream) ofStream.push(row);
      else added.set(streamName(stored), [row]);
    }
    return { added: [...added.values()].flat(), takenBack };
  }

  private rowOf(policy: ActivePolicy, stored: StoredEvent, event: RecordedEvent | undefined): NewPending | undefined {
    const { definition } = policy;
    // One that cannot be read or judged is kept as due: whoever sends it meets the error, and parks it.
    let due: Date | undefined = stored.recordedAt;
    if (event) {
      try {
        if (!actsOn(definition, event)) return undefined;
        due = this.dueOf(policy, event);
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

const NOTHING: PolicyChanges = { added: [], takenBack: [] };

import type { CommandGateway, CommandResult } from '#platform/command-handling/command-gateway.js';
import { CommandMessages } from '#platform/command-handling/command-message.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { Clock } from '#platform/kernel/clock.js';
import type { AddressedCommand, CommandDefinition } from '#platform/kernel/command.js';
import { isSameStream } from '#platform/event-store/event-store.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { KeyReused, NotFound, RuleViolation, StaleRevision } from '#platform/kernel/errors.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import type { SecretIds } from '#platform/kernel/ids.js';
import { policyActor, withdraws } from '#platform/kernel/policy.js';
import type { ActivePolicy, PolicyReader } from './pending.js';
import type { DueCommand, Outcome } from './send-queue.js';
import { stateBehind, type StateSource } from './policy-states.js';
import { stateAt, streamFrom, survivorOf } from './survivor.js';

/** The most causes in a row that were commands of policies. */
export const MOST_DEPTH = 16;
/** So often a stream may move on while its timer is sent, before the timer waits a little. */
const TRIES = 5;

export interface SenderOptions {
  readonly store: EventStore;
  readonly codec: EventCodec;
  readonly gateway: CommandGateway;
  readonly ids: SecretIds;
  readonly reader: PolicyReader;
  readonly states: StateSource;
  readonly clock: Clock;
}

/** What came of a try: its outcome, another time at which it is due, or that its event is gone. */
export type Sent =
  | { readonly is: 'settled'; readonly outcome: Outcome }
  | { readonly is: 'postponed'; readonly due: Date }
  | { readonly is: 'gone' };

/** Makes the command of a policy about an event, and sends it the way that commands from HTTP go. */
export class CommandSender {
  private readonly messages = new Map<CommandDefinition, CommandMessages>();

  constructor(private readonly options: SenderOptions) {}

  /**
   * Sends a command that is due, or finds that it need not be sent: the log has it already, what set its timer was taken
   * back since, or the policy has nothing to say (any more).
   * @throws whatever went wrong that may be otherwise another time
   */
  async send(policy: ActivePolicy, row: DueCommand): Promise<Sent> {
    const before = await this.receiptOf(row);
    if (before) return before;
    if (row.depth > MOST_DEPTH) return settled({ status: 'parked', error: 'ChainTooDeep' });
    for (let tries = 1; ; tries++) {
      try {
        return await this.attempt(policy, row);
      } catch (error) {
        // Sent once before, of which nobody knew: it was answered then, and what it would say now is nobody's business.
        if (error instanceof KeyReused) return (await this.receiptOf(row)) ?? rethrow(error);
        // The stream has moved on since it was read: by what takes the timer back, it may be.
        if (error instanceof StaleRevision && tries < TRIES) continue;
        throw error;
      }
    }
  }

  private async attempt(policy: ActivePolicy, row: DueCommand): Promise<Sent> {
    const { definition } = policy;
    const { codec, clock, reader } = this.options;
    const isTimer = definition.withdrawal !== undefined;
    // With all that came after it, where that may take the timer back: the consumer may be behind.
    const events = await streamFrom(this.options, row, row.revision, isTimer ? undefined : row.revision);
    const [own, ...later] = events;
    if (own?.id !== row.eventId) return { is: 'gone' };
    await codec.prepare([row.subject]);
    const event = codec.decode(own);
    for (const each of later) {
      if (definition.versions.has(each.type) && withdraws(definition, codec.decode(each)))
        return settled({ status: 'withdrawn' });
    }
    const context = reader.contextOf(policy, await stateBehind(this.options.states, definition, row));
    const due = reader.dueOf(policy, event, context);
    if (!due || !definition.when(event, context)) return settled({ status: 'nothing' });
    if (due > clock.now()) return { is: 'postponed', due };
    const { reads } = definition;
    const aggregate = reads && (await stateAt(this.options, reads, row.aggregateId, row.revision));
    const command = definition.send(event, { ...context, aggregate });
    if (!command) return settled({ status: 'nothing' });
    // A timer acts on what it has seen of its stream, and on nothing that comes in between.
    const seen = isTimer ? events.at(-1)!.revision : undefined;
    return this.sendTo(definition.name, row, event, command, seen);
  }

  private async sendTo(
    policy: string,
    row: DueCommand,
    event: RecordedEvent,
    command: AddressedCommand,
    seen: number | undefined,
  ): Promise<Sent> {
    const { on } = command.definition;
    let to = command.id === undefined ? undefined : await survivorOf(this.options, on, command.id);
    for (;;) {
      const isOwn = to !== undefined && isSameStream(row, { aggregate: on.name, aggregateId: to });
      const envelope = {
        key: row.eventId,
        expectedRevision: isOwn ? seen : undefined,
        correlationId: event.meta.correlationId,
        causationId: event.id,
        traceparent: event.meta.traceparent,
      };
      try {
        const message = this.messagesOf(command.definition).message(command.input, to, envelope, policyActor(policy));
        return settled(outcomeOf(await this.options.gateway.execute(message)));
      } catch (error) {
        if (!(error instanceof RuleViolation || error instanceof NotFound)) throw error;
        // It may have been merged since: then another answers.
        const now = to === undefined ? to : await survivorOf(this.options, on, to);
        if (now === to)
          return settled({ status: 'refused', rule: error instanceof RuleViolation ? error.rule : error.kind });
        to = now;
      }
    }
  }

  /** What the log says became of a command that was sent before. */
  private async receiptOf({ commandId }: DueCommand): Promise<Sent | undefined> {
    const receipt = (await this.options.store.receipts([commandId])).get(commandId);
    return receipt && settled(outcomeOf(receipt));
  }

  private messagesOf(definition: CommandDefinition): CommandMessages {
    let messages = this.messages.get(definition);
    if (!messages) this.messages.set(definition, (messages = new CommandMessages(definition, this.options.ids)));
    return messages;
  }
}

const settled = (outcome: Outcome): Sent => ({ is: 'settled', outcome });

const outcomeOf = ({ events, position }: Pick<CommandResult, 'events' | 'position'>): Outcome =>
  events > 0 ? { status: 'accepted', resultPosition: position } : { status: 'no-change' };

function rethrow(error: unknown): never {
  throw error;
}

import { setImmediate as turn } from 'node:timers/promises';
import { Controller, Inject, Post, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CommandResult } from '#platform/command-handling/command-gateway.js';
import { CommandMessages, ENVELOPE_TEXTS, type CommandEnvelope } from '#platform/command-handling/command-message.js';
import { busCommandOf, type BusCommandClass } from '#platform/cqrs/buses.js';
import { ROLES, type CommandDefinition, type Role } from '#platform/kernel/command.js';
import { isVisible } from '#platform/kernel/text.js';
import { InvalidInput } from '#platform/kernel/errors.js';
import { Instant } from '#platform/kernel/calendar.js';
import { Id, SecretIds } from '#platform/kernel/ids.js';
import { isStorable } from '#platform/kernel/unsafe-input.js';
import { issuesOf } from '#platform/kernel/validation.js';
import { sizesOf } from './batch-body.js';
import type { Principal } from '#platform/access/principal.js';
import { authorise, deniedTo, type Admission, type Operation } from './admission.js';
import { envelopeOf } from './command-headers.js';
import { resultJson } from './command-routes.js';
import { InvalidRequest, kindOf, problemOf, sendProblem } from './problem.js';
import { reportUnforeseen, traceparentOf } from './request-watch.js';
import { ADMISSION, BATCH_DEFINITIONS, BATCH_OBSERVER, COMMAND_IDS } from './tokens.js';

export const MAX_ITEMS = 10_000;
/** Items validated before other requests get their turn, and bytes of them. */
const SLICE = 64;
const SLICE_BYTES = 256 * 1024;
/** Items of one batch under way at once: enough to fill the store's batches, few enough to leave room for others. */
const WINDOW = 4096;
/** Bytes of theirs, and one more. */
const WINDOW_BYTES = 16 * 1024 * 1024;

const storable = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine(isStorable, { error: 'holds a character that cannot be stored', abort: true })
    .refine(isVisible, { error: 'needs a visible character' });

/** One command of a batch. Headers of the request hold for all of its items. */
export const BatchItem = z
  .strictObject({
    command: z.string().max(100).meta({ description: 'Name of the command: its operationId in this document' }),
    id: Id.optional().meta({ description: 'The aggregate; needed by all commands but those that create one' }),
    key: storable(ENVELOPE_TEXTS.key).optional().meta({ description: 'Idempotency key of this item' }),
    ifMatch: z.int().min(0).optional().meta({ description: 'The revision that the aggregate must have' }),
    occurredAt: Instant.optional(),
    reason: storable(ENVELOPE_TEXTS.reason).optional(),
    input: z.unknown().optional().meta({ description: 'The body that the command has when it is sent alone' }),
  })
  .meta({ id: 'BatchItem' });

/** How the outcome of an item begins that its sender may not do. */
const FORBIDDEN = '{"type":"urn:yad:problem:forbidden"';

/** Who may send a batch: whoever may send a command; whether it may each one is looked at by itself. */
export const sendersOf = (definitions: readonly CommandDefinition[]): readonly Role[] =>
  ROLES.filter((role) => definitions.some(({ allowed }) => allowed.includes(role)));

interface Entry {
  messages: CommandMessages;
  Message: BusCommandClass;
}

/** What became of the commands of a batch: by command, how many came to what; `unknown` is no command. */
export type BatchOutcomes = ReadonlyMap<string, ReadonlyMap<string, number>>;
export type BatchObserver = (outcomes: BatchOutcomes) => void;

/** Whose batch it is, and what has become of its commands so far. */
interface Sender {
  readonly request: FastifyRequest;
  readonly principal: Principal;
  readonly tally: Tally;
}

/** `POST /v1/commands:batch`: many commands in one request, one outcome each, in the order of the items. */
@Controller()
export class BatchController {
  private readonly entries = new Map<string, Entry>();
  private readonly operation: Operation;

  constructor(
    @Inject(CommandBus) private readonly bus: CommandBus,
    @Inject(ADMISSION) private readonly admission: Admission,
    @Inject(BATCH_DEFINITIONS) definitions: readonly CommandDefinition[],
    @Inject(COMMAND_IDS) ids: SecretIds,
    @Inject(BATCH_OBSERVER) private readonly observe: BatchObserver,
  ) {
    for (const definition of definitions) {
      this.entries.set(definition.name, {
        messages: new CommandMessages(definition, ids),
        Message: busCommandOf(definition),
      });
    }
    this.operation = { name: 'SendBatch', allowed: sendersOf(definitions) };
  }

  @Post('/v1/commands::batch')
  async run(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    try {
      const principal = await this.admission.admit(request, this.operation, reply);
      const common = envelopeOf(request.headers, principal, traceparentOf(request));
      if (common.expectedRevision !== undefined || common.occurredAt) {
        const message = 'belongs into the items of a batch';
        const issues = [common.occurredAt ? '/Yad-Occurred-At' : '/If-Match'].map((pointer) => ({ pointer, message }));
        throw new InvalidRequest('header', issues);
      }
      const items = itemsOf(request.body);
      this.admission.countItems(principal, items.length);
      const outcomes = await this.outcomes(items, { request, principal, tally: new Tally() }, common);
      const denied = outcomes.filter((outcome) => outcome.startsWith(FORBIDDEN)).length;
      if (denied > 0) deniedTo(request, 403, denied);
      reply
        .code(200)
        .header('content-type', 'application/json; charset=utf-8')
        .send(`{"outcomes":[${outcomes.join(',')}]}`);
    } catch (error) {
      sendProblem(request, reply, error);
    }
  }

  private async outcomes(items: unknown[], sender: Sender, common: CommandEnvelope): Promise<string[]> {
    const outcomes = Array.from<string>({ length: items.length });
    const sizes = sizesOf(items);
    let underWay = 0;
    let bytes = 0;
    let sinceTurn = 0;
    let wake: (() => void) | undefined;
    const all: Promise<void>[] = [];
    for (let i = 0; i < items.length; i++) {
      if (i % SLICE === SLICE - 1 || sinceTurn >= SLICE_BYTES) {
        await turn();
        sinceTurn = 0;
      }
      while (underWay >= WINDOW || bytes >= WINDOW_BYTES) await new Promise<void>((resolve) => (wake = resolve));
      const size = sizes?.[i] ?? 0;
      underWay++;
      bytes += size;
      sinceTurn += size;
      // Submitted here and now: the gateway keeps the order in which commands of one stream reach it.
      const settled = this.submit(items[i], i, sender, common).then((outcome) => {
        outcomes[i] = outcome;
        underWay--;
        bytes -= size;
        wake?.();
      });
      // What has become events is not needed any more.
      items[i] = undefined;
      all.push(settled);
    }
    await Promise.all(all);
    this.observe(sender.tally.outcomes);
    return outcomes;
  }

  private async submit(item: unknown, index: number, sender: Sender, common: CommandEnvelope): Promise<string> {
    const { principal, request, tally } = sender;
    let within = '';
    let name = 'unknown';
    try {
      const parsed = BatchItem.safeParse(item);
      if (!parsed.success) throw new InvalidInput(issuesOf(parsed.error), 'the item does not fit');
      const { command, id, key, ifMatch, occurredAt, reason, input } = parsed.data;
      const entry = this.entries.get(command);
      if (!entry) throw issue('/command', 'is not a known command');
      const { definition } = entry.messages;
      name = definition.name;
      authorise(principal, definition.allowed, definition.name);
      if (id === undefined && !definition.creates) {
        throw new InvalidInput([{ pointer: '/id', message: `is needed by ${definition.name}` }]);
      }
      const envelope: CommandEnvelope = {
        // A key of the whole batch makes one for each place in it.
        key: key ?? common.key,
        place: key === undefined ? index : undefined,
        expectedRevision: ifMatch,
        occurredAt: occurredAt === undefined ? undefined : new Date(occurredAt),
        reason: reason ?? common.reason,
        onBehalfOf: common.onBehalfOf,
        correlationId: common.correlationId,
        causationId: common.causationId,
        traceparent: common.traceparent,
      };
      within = '/input';
      const message = entry.messages.message(input, id, envelope, principal.actor);
      const result: CommandResult = await this.bus.execute(new entry.Message(message) as any);
      tally.add(name, 'ok');
      return `{"status":${definition.creates ? 201 : 200},${resultJson(result).slice(1)}`;
    } catch (error) {
      const problem = problemOf(error, (unforeseen) => reportUnforeseen(request, unforeseen));
      tally.add(name, kindOf(problem));
      for (const issue of problem.errors ?? []) issue.pointer = within + issue.pointer;
      return JSON.stringify(problem);
    }
  }
}

class Tally {
  readonly outcomes = new Map<string, Map<string, number>>();

  add(command: string, outcome: string): void {
    let own = this.outcomes.get(command);
    if (!own) this.outcomes.set(command, (own = new Map()));
    own.set(outcome, (own.get(outcome) ?? 0) + 1);
  }
}

function itemsOf(body: unknown): unknown[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw issue('', 'is not an object with items');
  for (const key of Object.keys(body)) if (key !== 'items') throw issue(`/${key}`, 'is not a known field');
  const { items } = body as { items?: unknown };
  if (!Array.isArray(items)) throw issue('/items', 'is not a list');
  if (items.length > MAX_ITEMS) throw issue('/items', `has more than ${MAX_ITEMS} items`);
  return items;
}

const issue = (pointer: string, message: string): InvalidInput => new InvalidInput([{ pointer, message }]);

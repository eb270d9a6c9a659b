import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { aggregate } from '#platform/kernel/aggregate.js';
import { command } from '#platform/kernel/command.js';
import { InvalidInput, KeyReused } from '#platform/kernel/errors.js';
import { plaintext } from '#test/fixtures/stored-form.fixture.js';
import { defineEvent, open } from '#platform/kernel/event-contract.js';
import { Id, SecretIds, newId } from '#platform/kernel/ids.js';
import { CommandMessages, type CommandEnvelope } from './command-message.js';
import { CommandPipeline } from './command-pipeline.js';

const sent = defineEvent({ type: 'letter-sent', fields: { to: open(z.string()) } });
const Letter = aggregate<{ sent: number }>()({
  name: 'letter',
  initial: { sent: 0 },
  events: { sent },
  evolve: { sent: (state) => ({ sent: state.sent + 1 }) },
});
const write = command({
  name: 'WriteLetter',
  summary: '',
  on: Letter,
  route: 'POST /letters',
  allowed: [],
  input: z.strictObject({ id: Id.optional(), to: z.string().min(1), pages: z.array(z.int()).optional() }),
  decide: (_state, { to }) => sent({ to }),
});
const resend = command({
  name: 'ResendLetter',
  summary: '',
  on: Letter,
  route: 'POST /letters/:id/resend',
  allowed: [],
  input: z.strictObject({ to: z.string() }),
  decide: (_state, { to }) => sent({ to }),
});

const ids = new SecretIds(Buffer.alloc(32, 7));
const writing = new CommandMessages(write, ids);
const resending = new CommandMessages(resend, ids);
const letter = newId();
const message = (envelope: CommandEnvelope = {}, actor = 'policy:remind', input: unknown = { to: 'Ada' }) =>
  writing.message(input, undefined, envelope, actor);
const issuesOf = (make: () => unknown): string[] => {
  try {
    make();
  } catch (error) {
    if (error instanceof InvalidInput) return error.issues.map(({ pointer, message: text }) => `${pointer} ${text}`);
    throw error;
  }
  return [];
};

describe('a command message', () => {
  it('is the same whoever makes it of the same words, and another for another actor, key or place in a batch', () => {
    const first = message({ key: 'remind 7' });
    expect(message({ key: 'remind 7' })).toEqual(first);
    const others = [
      message({ key: 'remind 8' }),
      message({ key: 'remind 7' }, 'policy:thank'),
      message({ key: 'remind 7', place: 0 }),
      message({ key: 'remind 7', place: 1 }),
    ];
    expect(new Set([first, ...others].map(({ commandId }) => commandId)).size).toBe(5);
    // A creation without an id of its own: the repeat meets what the first made.
    expect(new Set([first, ...others].map(({ id }) => id)).size).toBe(5);
  });

  it('tells by its fingerprint what was asked for, whatever the order of the fields, but not who caused it', () => {
    const print = (input: unknown, envelope: CommandEnvelope = {}) =>
      message({ key: 'k', ...envelope }, 'a', input).fingerprint!.toString('hex');
    const first = print({ to: 'Ada', pages: [1, 2] });
    expect(print({ pages: [1, 2], to: 'Ada' }, { reason: 'again', causationId: 'x' })).toBe(first);
    expect(print({ to: 'Ada', pages: [2, 1] })).not.toBe(first);
    expect(print({ to: 'Ada', pages: [1, 2] }, { occurredAt: new Date(0) })).not.toBe(first);
    expect(print({ to: 'Ada', pages: [1, 2] }, { onBehalfOf: 'Bo' })).not.toBe(first);
    expect(message().fingerprint).toBeNull();
  });

  it('takes a key that is a uuid in either case as one', () => {
    const key = newId();
    expect(message({ key: key.toUpperCase() }).commandId).toBe(message({ key }).commandId);
    expect(message({ key: 'Key' }).commandId).not.toBe(message({ key: 'key' }).commandId);
  });

  it('is refused with a pointer to each thing that is wrong in its input', () => {
    expect(issuesOf(() => message({}, 'a', { to: '', pages: [1, 1.5], size: 3 }))).toEqual([
      expect.stringMatching(/^\/to /),
      expect.stringMatching(/^\/pages\/1 /),
      '/size is not a known field',
    ]);
    expect(issuesOf(() => message({}, 'a', { to: 'a\0b' }))).toEqual(['/to holds a character that cannot be stored']);
    expect(issuesOf(() => writing.message({ id: newId(), to: 'Ada' }, letter, {}, 'a'))).toEqual([
      '/id differs from the id that the command is sent to',
    ]);
  });

  it('is refused with the field of the envelope that does not fit: nobody checks it on the way but this', () => {
    const to = { to: 'Ada' };
    expect(issuesOf(() => resending.message(to, undefined, {}, 'a'))).toEqual(['/id is needed by ResendLetter']);
    expect(issuesOf(() => resending.message(to, letter.toUpperCase(), {}, 'a'))).toEqual([
      '/id is not a lower-case uuid',
    ]);
    const long = 'x'.repeat(1001);
    const envelope = {
      key: '',
      reason: long,
      correlationId: '\u200b',
      causationId: 'a\0',
      onBehalfOf: 'x'.repeat(201),
    };
    expect(issuesOf(() => resending.message(to, letter, { ...envelope, expectedRevision: -1 }, ''))).toEqual([
      '/actor must have 1 to 200 characters',
      '/key must have 1 to 200 characters',
      '/reason must have 1 to 1000 characters',
      '/onBehalfOf must have 1 to 200 characters',
      '/correlationId needs a visible character',
      '/causationId holds a character that cannot be stored',
      '/expectedRevision is not a revision: a whole number from 0 on',
    ]);
    expect(issuesOf(() => message({ occurredAt: new Date('nonsense') }))).toEqual(['/occurredAt is not an instant']);
  });

  it('stores its events once, however often a policy makes it again', async () => {
    const store = new MemoryEventStore();
    const pipeline = new CommandPipeline({ store, codec: plaintext([sent]) });
    const envelope = { key: 'remind about event 7', causationId: newId() };
    const first = await pipeline.execute(message(envelope));
    const again = await pipeline.execute(message(envelope));
    expect(again).toEqual({ ...first, repeated: true });
    await expect(pipeline.execute(message(envelope, 'policy:remind', { to: 'Bo' }))).rejects.toThrow(KeyReused);
    const stored = await store.readAll({ after: 0n, limit: 10 });
    expect(stored.map(({ meta }) => meta)).toEqual([
      expect.objectContaining({ actor: 'policy:remind', causationId: envelope.causationId }),
    ]);
  });
});

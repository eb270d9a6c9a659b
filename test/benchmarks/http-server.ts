import { Body, Controller, HttpCode, Module, Post } from '@nestjs/common';
import { z } from 'zod';
import { newApiKey } from '#platform/access/api-key.js';
import { KeyRing } from '#platform/access/key-ring.js';
import { SignIn } from '#platform/access/sign-in.js';
import type { CommandGateway } from '#platform/command-handling/command-gateway.js';
import { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { createHttpApp } from '#platform/http/create-http-app.js';
import { aggregate } from '#platform/kernel/aggregate.js';
import { systemClock as clock } from '#platform/kernel/clock.js';
import { command } from '#platform/kernel/command.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { defineEvent, open } from '#platform/kernel/event-contract.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';

const noted = defineEvent({ type: 'bench.note.taken', fields: { text: open(z.string()) } });
const Note = aggregate<{ notes: number }>()({
  name: 'note',
  initial: { notes: 0 },
  events: { noted },
  evolve: { noted: ({ notes }) => ({ notes: notes + 1 }) },
});
const takeNote = command({
  name: 'TakeNote',
  summary: 'Takes a note',
  on: Note,
  route: 'POST /notes/:id',
  mayBegin: true,
  allowed: ['service'],
  input: z.strictObject({ text: z.string().max(500) }),
  decide: (_state, { text }) => noted({ text }),
});

/** What the stack itself costs: a route that takes a body and does nothing. */
class NoOp {
  take(_body: unknown): { ok: boolean } {
    return { ok: true };
  }
}
Controller()(NoOp);
Post('/no-op')(NoOp.prototype, 'take', Object.getOwnPropertyDescriptor(NoOp.prototype, 'take')!);
HttpCode(200)(NoOp.prototype, 'take', Object.getOwnPropertyDescriptor(NoOp.prototype, 'take')!);
Body()(NoOp.prototype, 'take', 0);
// oxlint-disable-next-line typescript/no-extraneous-class -- that is what a Nest module is
class NoOpModule {}
Module({ controllers: [NoOp] })(NoOpModule);

/** With DATABASE_URL commands are stored there; without it they are answered at once, to see the shell alone. */
async function main(): Promise<void> {
  const url = process.env['DATABASE_URL'];
  let position = 0n;
  const nothing: CommandGateway = {
    execute: async ({ id }) => ({
      id,
      stream: `note-${id}`,
      revision: 0,
      position: ++position,
      events: 1,
      repeated: false,
    }),
  };
  const gateway = url
    ? new CommandPipeline({
        store: await PostgresEventStore.connect({ url }),
        codec: new PlaintextCodec(new EventCatalogue([noted])),
      })
    : nothing;
  const { id, key, hash } = newApiKey();
  const keys = [{ id, hash, name: 'bench', roles: ['service' as const] }];
  const ring = new KeyRing({ read: async () => ({ version: '1', any: true, keys }), used: async () => {} }, { clock });
  await ring.start();
  const app = await createHttpApp({
    commands: [takeNote],
    gateway,
    authenticator: new SignIn({ keys: ring, onLoopback: true }),
    secrets: { lastingKeyFor: () => Buffer.alloc(32) },
    imports: [NoOpModule],
  });
  await app.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
  const address = app.getHttpServer().address() as { port: number };
  process.send?.({ port: address.port, key });
  // Ends with whoever started it; a clean end also writes the profile of `node --cpu-prof`.
  process.on('disconnect', () => process.exit(0));
}

await main();

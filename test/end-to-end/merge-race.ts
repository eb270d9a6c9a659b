import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventContracts } from '#contracts/index.js';
import { commands } from '#operational/index.js';
import { Contact } from '#operational/contacts/contact/contact.aggregate.js';
import { stateAsOf } from '#platform/audit/as-of.js';
import type { CommandMessage } from '#platform/command-handling/command-message.js';
import { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { RuleViolation } from '#platform/kernel/errors.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { newId } from '#platform/kernel/ids.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';

const codec = new PlaintextCodec(new EventCatalogue(eventContracts));

/** Two stores on one log, each as a process of its own would have it. */
export interface RacingStores {
  readonly stores: readonly [EventStore, EventStore];
  stop(): Promise<void>;
}

/** Races of merges in two processes, each with states that it holds to be the newest, on one log. */
export function mergesThatRace(on: string, open: () => Promise<RacingStores>, races = 60): void {
  describe(`merges that race in two processes, on ${on}`, () => {
    let racing: RacingStores;
    let store: EventStore;
    let pipelines: CommandPipeline[];
    beforeAll(async () => {
      racing = await open();
      [store] = racing.stores;
      pipelines = racing.stores.map((each) => new CommandPipeline({ store: each, codec }));
    });
    afterAll(() => racing?.stop());

    const run = (process: number, name: string, id: string, input: object) => {
      const definition = commands.find((each) => each.name === name)!;
      const message: CommandMessage = { definition, id, input, commandId: newId(), fingerprint: null, actor: 'spec' };
      return pipelines[process]!.execute(message);
    };
    /** Contacts that both processes hold in their newest state. */
    const people = async (count: number): Promise<string[]> => {
      const ids = Array.from({ length: count }, newId);
      await Promise.all(ids.map((id) => run(0, 'RegisterContact', id, { kind: 'person', name: { full: 'Ada' } })));
      // The first tags them; to the second and to the first again there is nothing new, once they have looked.
      for (const process of [0, 1, 0]) {
        await Promise.all(ids.map((id) => run(process, 'TagContact', id, { tags: ['known'] })));
      }
      return ids;
    };
    const intoOf = async (id: string): Promise<string | null> => {
      const source = { store, codec, aggregates: [Contact] };
      return (
        (await stateAsOf(source, { aggregate: 'contact', aggregateId: id }))!.state as { mergedInto: string | null }
      ).mergedInto;
    };
    /** Where a chain of aliases ends. @throws Error when it goes round. */
    const survivorOf = async (id: string): Promise<string> => {
      const seen = new Set<string>();
      for (let at = id; ;) {
        if (seen.has(at)) throw new Error(`a circle of aliases: ${[...seen, at].join(' -> ')}`);
        seen.add(at);
        const next = await intoOf(at);
        if (next === null) return at;
        at = next;
      }
    };

    it('of A into B and B into A exactly one is accepted, and a rule refuses the other', async () => {
      const winners = [0, 0];
      for (let race = 0; race < races; race++) {
        const [a, b] = (await people(2)) as [string, string];
        const before = (await store.head()).position;
        // Who starts first changes from race to race.
        const order = race % 2 === 0 ? [0, 1] : [1, 0];
        const attempts = order.map((process) =>
          process === 0 ? run(0, 'MergeContacts', a, { into: b }) : run(1, 'MergeContacts', b, { into: a }),
        );
        const results = await Promise.allSettled(attempts);
        const accepted = results.findIndex(({ status }) => status === 'fulfilled');
        expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
        const { reason } = results.find((each) => each.status === 'rejected') as PromiseRejectedResult;
        expect(reason).toBeInstanceOf(RuleViolation);
        expect((reason as RuleViolation).rule).toBe('survivor-not-merged');
        expect(await store.readAll({ after: before, limit: 10 })).toHaveLength(2);
        const [loser, survivor] = order[accepted] === 0 ? [a, b] : [b, a];
        expect([await intoOf(loser), await intoOf(survivor)]).toEqual([survivor, null]);
        winners[order[accepted]!]!++;
      }
      // Otherwise it was no race.
      expect(Math.min(...winners)).toBeGreaterThan(0);
    }, 120_000);

    it('many merges among a few contacts at once never make a circle', async () => {
      for (let race = 0; race < 3 * races; race++) {
        const ids = await people(6);
        const attempts = ids.flatMap((id, i) =>
          ids
            .filter((into) => into !== id)
            .map((into, j) => run((i + j + race) % 2, 'MergeContacts', id, { into }).catch((error: unknown) => error)),
        );
        const outcomes = await Promise.all(attempts);
        const accepted = outcomes.filter((outcome) => !(outcome instanceof Error));
        for (const outcome of outcomes)
          if (outcome instanceof Error) expect(outcome).toHaveProperty('kind', expect.any(String));
        const survivors = await Promise.all(ids.map(survivorOf));
        // Each accepted merge takes one contact away: the aliases are a forest, whoever won.
        expect(new Set(survivors).size).toBe(ids.length - accepted.length);
        expect(accepted.length).toBeGreaterThan(0);
      }
    }, 120_000);
  });
}

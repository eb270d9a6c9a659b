import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { eventContracts, eventsByAggregate } from '#contracts/index.js';
import { commands } from '#operational/index.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import {
  defineEvent,
  eventRecord,
  isEventContract,
  open,
  type EventContract,
} from '#platform/kernel/event-contract.js';
import { Id } from '#platform/kernel/ids.js';

const folder = 'libs/contracts';
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.events.ts'));

/** The events that a file defines. */
async function definedIn(file: string): Promise<EventContract<any>[]> {
  const exports = (await import(`#contracts/${file.replace(/\.ts$/, '.js')}`)) as Record<string, unknown>;
  return Object.values(exports).filter(isEventContract);
}

describe('the registration of events', () => {
  it('knows the events of every file of events', async () => {
    expect(files.length).toBeGreaterThan(3);
    const defined = new Map<string, EventContract<any>[]>();
    for (const file of files) defined.set(join(folder, file), await definedIn(file));
    const unknown = [...defined].flatMap(([file, contracts]) =>
      contracts.filter((each) => !eventContracts.includes(each)).map(({ type }) => `${file}: ${type}`),
    );
    expect(unknown).toEqual([]);
    expect([...defined].filter(([, contracts]) => contracts.length === 0).map(([file]) => file)).toEqual([]);
    expect(eventContracts).toHaveLength([...defined.values()].flat().length);
  });

  it('names each event once, after its aggregate, and the catalogue takes it', () => {
    expect(new EventCatalogue(eventContracts).contracts()).toEqual(eventContracts);
    const misnamed = Object.entries(eventsByAggregate).flatMap(([aggregate, events]) =>
      Object.values<EventContract<any>>(events)
        .filter(({ type }) => type.split('.')[2] !== aggregate)
        .map(({ type }) => `${type} is an event of ${aggregate}`),
    );
    expect(misnamed).toEqual([]);
  });

  it('gives each aggregate exactly the events that the contracts have for it', () => {
    const aggregates = new Map(
      commands
        .flatMap(({ on, refs }) => [on, ...Object.values(refs).map((each) => each.aggregate)])
        .map((each) => [each.name, each]),
    );
    expect([...aggregates.keys()].toSorted()).toEqual(Object.keys(eventsByAggregate).toSorted());
    for (const [name, events] of Object.entries(eventsByAggregate)) expect(aggregates.get(name)!.events).toBe(events);
  });

  it('finds every event among the exports of a file, and nothing else', () => {
    const happened = defineEvent({ type: 'crm.spec.thing.happened', fields: { id: open(Id) } });
    expect(eventRecord({ happened, Id, limit: 3, helper: () => 1 })).toEqual({ happened });
    expect(() => new EventCatalogue([happened, happened])).toThrow('crm.spec.thing.happened is defined twice');
  });
});

import { describe, expect, it } from '@jest/globals';
import { eventContracts, eventsByAggregate } from '#contracts/index.js';
import { commands } from '#operational/index.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { defineEvent, eventRecord, open, type EventContract } from '#platform/kernel/event-contract.js';
import { Id } from '#platform/kernel/ids.js';

describe('the registration of events', () => {
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

import type { RecordedEvent, StoredEvent } from './envelope.js';
import type { DomainEvent, EventContract } from './event-contract.js';

/** An event of a type or version that this build does not know. */
export class UnknownEventError extends Error {
  constructor(type: string, version: number) {
    super(`event ${type} version ${version} is not in the contracts of this build`);
    this.name = 'UnknownEventError';
  }
}

/** All events of the published language, by type: encodes to the stored form and decodes from it. */
export class EventCatalogue {
  private readonly byType = new Map<string, EventContract<any>>();

  constructor(contracts: Iterable<EventContract<any>>) {
    for (const contract of contracts) {
      if (this.byType.has(contract.type)) throw new Error(`event ${contract.type} is defined twice`);
      this.byType.set(contract.type, contract);
    }
  }

  contracts(): EventContract<any>[] {
    return [...this.byType.values()];
  }

  get(type: string): EventContract<any> | undefined {
    return this.byType.get(type);
  }

  /** The event with its data parsed, upcast to the current version, and the personal fields put back. */
  decode(stored: StoredEvent): RecordedEvent {
    const data = this.upcast(stored.type, stored.schemaVersion, parse(stored.data, stored.sealed));
    return {
      id: stored.id,
      stream: stored.stream,
      revision: stored.revision,
      position: stored.position,
      type: stored.type,
      schemaVersion: stored.schemaVersion,
      occurredAt: stored.occurredAt,
      recordedAt: stored.recordedAt,
      subject: stored.subject,
      commandId: stored.commandId,
      meta: stored.meta,
      data,
    };
  }

  private upcast(type: string, version: number, data: Record<string, unknown>): Record<string, unknown> {
    const contract = this.byType.get(type);
    if (!contract || version > contract.version) throw new UnknownEventError(type, version);
    let upcasted = data;
    for (let from = version; from < contract.version; from++) upcasted = contract.upcasts[from]!(upcasted);
    return upcasted;
  }
}

/** The stored form of an event's data: the open fields, and apart from them the personal ones. */
export function encode({ contract, data }: DomainEvent<any>): { data: string; sealed: string | null } {
  if (contract.personalFields.length === 0) return { data: JSON.stringify(data), sealed: null };
  const clear: Record<string, unknown> = { ...data };
  const apart: Record<string, unknown> = {};
  let any = false;
  for (const name of contract.personalFields) {
    if (clear[name] === undefined) continue;
    apart[name] = clear[name];
    delete clear[name];
    any = true;
  }
  return { data: JSON.stringify(clear), sealed: any ? JSON.stringify(apart) : null };
}

function parse(data: string, sealed: string | null): Record<string, unknown> {
  const clear = JSON.parse(data) as Record<string, unknown>;
  return sealed === null ? clear : Object.assign(clear, JSON.parse(sealed));
}

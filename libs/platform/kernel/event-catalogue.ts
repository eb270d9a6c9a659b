import type { EventContract } from './event-contract.js';

/** An event of a type or version that this build does not know. */
export class UnknownEventError extends Error {
  constructor(type: string, version: number) {
    super(`event ${type} version ${version} is not in the contracts of this build`);
    this.name = 'UnknownEventError';
  }
}

/** All events of the published language, by type. */
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

  /**
   * The data of an event of this version as those of the current one.
   * @throws UnknownEventError, and whatever an upcast throws
   */
  upcast(type: string, version: number, data: Record<string, unknown>): Record<string, unknown> {
    const contract = this.byType.get(type);
    if (!contract || version > contract.version) throw new UnknownEventError(type, version);
    let upcasted = data;
    for (let from = version; from < contract.version; from++) upcasted = contract.upcasts[from]!(upcasted);
    return upcasted;
  }
}

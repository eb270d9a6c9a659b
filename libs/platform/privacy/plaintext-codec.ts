import type { EventMeta, RecordedEvent, StoredEvent } from '#platform/kernel/envelope.js';
import type { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import type { EventCodec, EventPlace, StoredForm } from '#platform/kernel/event-codec.js';
import type { DomainEvent } from '#platform/kernel/event-contract.js';
import { plainParts, plainText, takeApart } from './personal-data.js';

/** The codec without keys: personal fields are apart from the others, and readable. */
export class PlaintextCodec implements EventCodec {
  constructor(private readonly catalogue: EventCatalogue) {}

  prepare(_subjects: Iterable<string>): Promise<void> | undefined {
    return undefined;
  }

  encode({ contract, data }: DomainEvent<any>, _place: EventPlace, reason?: string): StoredForm {
    const { open, parts } = takeApart(contract, data, reason);
    return { data: JSON.stringify(open), personalData: plainText(parts) };
  }

  decode(stored: StoredEvent): RecordedEvent {
    const data = JSON.parse(stored.data) as Record<string, unknown>;
    let meta: EventMeta = stored.meta;
    if (stored.personalData !== null) {
      for (const [retention, fields] of plainParts(stored.personalData)) {
        if (retention === 'reason') meta = { ...meta, reason: fields['reason'] as string };
        else Object.assign(data, fields);
      }
    }
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
      meta,
      data: this.catalogue.upcast(stored.type, stored.schemaVersion, data),
    };
  }

  knows(type: string, version: number): boolean {
    return version <= (this.catalogue.get(type)?.version ?? 0);
  }

  /** The digest itself: without keys of subjects it is the log's key that it stands under. */
  fingerprint(_subject: string, digest: Buffer): Buffer | undefined {
    return digest;
  }
}

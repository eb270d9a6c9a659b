import type { EventMeta, RecordedEvent, StoredEvent } from '#platform/kernel/envelope.js';
import type { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import type { EventCodec, EventPlace, StoredForm } from '#platform/kernel/event-codec.js';
import { erased, isErased, type Erased } from '#platform/kernel/erased.js';
import type { DomainEvent, RetentionClass } from '#platform/kernel/event-contract.js';
import { classesIn, markErased, plainParts, plainText, takeApart, type PersonalFields } from './personal-data.js';

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
    return this.putTogether(stored, stored.personalData === null ? [] : this.partsOf(stored, stored.personalData));
  }

  decodeErased(stored: StoredEvent): RecordedEvent {
    const classes = stored.personalData === null ? [] : classesIn(stored.personalData);
    return this.putTogether(
      stored,
      classes.map((retention) => [retention, erased] as const),
    );
  }

  private putTogether(
    stored: StoredEvent,
    parts: Iterable<readonly [RetentionClass, PersonalFields | Erased]>,
  ): RecordedEvent {
    const data = JSON.parse(stored.data) as Record<string, unknown>;
    let meta: EventMeta = stored.meta;
    let gone: RetentionClass[] | undefined;
    for (const [retention, fields] of parts) {
      if (retention === 'reason') meta = { ...meta, reason: isErased(fields) ? erased : (fields['reason'] as string) };
      else if (isErased(fields)) (gone ??= []).push(retention);
      else Object.assign(data, fields);
    }
    const { type, schemaVersion } = stored;
    // Marked before the upcasts, which so find what they look for, and after them, for what they made of it.
    if (gone) markErased(this.catalogue.get(type)?.versions.get(schemaVersion), data, gone);
    const current = this.catalogue.upcast(type, schemaVersion, data);
    if (gone) markErased(this.catalogue.get(type), current, gone);
    return {
      id: stored.id,
      aggregate: stored.aggregate,
      aggregateId: stored.aggregateId,
      revision: stored.revision,
      position: stored.position,
      type,
      schemaVersion,
      occurredAt: stored.occurredAt,
      recordedAt: stored.recordedAt,
      subject: stored.subject,
      commandId: stored.commandId,
      meta,
      data: current,
    };
  }

  knows(type: string, version: number): boolean {
    return version <= (this.catalogue.get(type)?.version ?? 0);
  }

  /** The parts of an event's personal data, each its fields or `erased`. */
  protected partsOf(
    _stored: StoredEvent,
    personalData: string,
  ): Iterable<readonly [RetentionClass, PersonalFields | Erased]> {
    return plainParts(personalData);
  }

  /** The digest itself: without keys of subjects it is the log's key that it stands under. */
  fingerprint(_subject: string, digest: Buffer): Buffer | undefined {
    return digest;
  }
}

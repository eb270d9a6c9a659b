import type { StoredEvent } from '#platform/kernel/envelope.js';
import { attributeText, publishedData, schemaId } from '#platform/kernel/published-event.js';
import { charactersOf } from '#platform/kernel/sizes.js';
import type { LogIdentity } from '#platform/event-store/log-identity.js';

/** An event as consumers get it, written once however many of them wait for it. */
export class FeedEvent {
  private written: string | undefined;
  readonly position: bigint;
  readonly type: string;
  readonly subject: string;
  /** Of its data and personal fields. */
  readonly characters: number;

  constructor(
    private readonly event: StoredEvent,
    private readonly identity: LogIdentity,
  ) {
    this.position = event.position;
    this.type = event.type;
    this.subject = event.subject;
    this.characters = charactersOf(event);
  }

  /** A CloudEvents 1.0 event in structured JSON. */
  get text(): string {
    return (this.written ??= cloudEventText(this.event, this.identity));
  }
}

/** The attributes, and as `data` the very bytes that are stored, the personal fields beside the open ones. */
function cloudEventText(event: StoredEvent, { id: log, current }: LogIdentity): string {
  const { meta } = event;
  const attributes = {
    specversion: '1.0',
    id: event.id,
    source: `urn:uuid:${log}`,
    type: event.type,
    subject: event.subject,
    time: event.occurredAt.toISOString(),
    datacontenttype: 'application/json',
    dataschema: schemaId(event.type, event.schemaVersion),
    recordedtime: event.recordedAt.toISOString(),
    correlationid: orNone(meta.correlationId),
    causationid: orNone(meta.causationId),
    yadversion: String(event.schemaVersion),
    yadposition: String(event.position),
    yadaggregate: event.aggregate,
    yadaggregateid: event.aggregateId,
    yadrevision: String(event.revision),
    yadcommandid: event.commandId,
    yadordinal: String(event.ordinal),
    yadincarnation: String(current.number),
    yadactor: attributeText(meta.actor),
    yadonbehalfof: orNone(meta.onBehalfOf),
    traceparent: meta.traceparent,
  };
  return `${JSON.stringify(attributes).slice(0, -1)},"data":${publishedData(event)}}`;
}

const orNone = (text: string | undefined): string | undefined => (text === undefined ? undefined : attributeText(text));

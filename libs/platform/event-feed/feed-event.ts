import type { StoredEvent } from '#platform/kernel/envelope.js';
import { PERSONAL_DATA } from '#platform/kernel/event-contract.js';
import { charactersOf } from '#platform/kernel/sizes.js';
import { schemaId } from '#platform/schemas/event-schemas.js';
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
    correlationid: attributeText(meta.correlationId),
    causationid: attributeText(meta.causationId),
    yadversion: String(event.schemaVersion),
    yadposition: String(event.position),
    yadaggregate: event.aggregate,
    yadaggregateid: event.aggregateId,
    yadrevision: String(event.revision),
    yadcommandid: event.commandId,
    yadordinal: String(event.ordinal),
    yadincarnation: String(current.number),
    yadactor: attributeText(meta.actor),
    yadonbehalfof: attributeText(meta.onBehalfOf),
  };
  return `${JSON.stringify(attributes).slice(0, -1)},"data":${dataText(event)}}`;
}

/** @throws Error where the data are no object that the personal fields could be a part of */
function dataText({ data, personalData, type, position }: StoredEvent): string {
  if (personalData === null) return data;
  const end = data.lastIndexOf('}');
  if (end < 0) throw new Error(`the data of ${type} at ${position} are no JSON object`);
  const open = data.slice(0, end);
  const comma = /^\s*\{\s*$/.test(open) ? '' : ',';
  return `${open}${comma}"${PERSONAL_DATA}":${personalData}${data.slice(end)}`;
}

/** What CloudEvents does not allow in a text: control characters, noncharacters; and the sign that stands for them. */
const UNFIT = /[\p{Cc}\p{Noncharacter_Code_Point}%]/gu;

/** A text as an attribute, on the topic as here: what may not stand there is percent-encoded, as is the percent sign. */
const attributeText = (text: string | undefined): string | undefined => text?.replace(UNFIT, encodeURIComponent);

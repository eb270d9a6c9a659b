import { shared, streams } from './protocol.js';

/** What a client asks the log to keep. */
export interface ProposedEvent {
  /** Lower case. */
  readonly id: string;
  readonly type: string;
  readonly isJson: boolean;
  readonly data: Uint8Array;
  /** JSON, or whatever the client gave as bytes; what v2 clients give as properties is JSON by now. */
  readonly metadata: Uint8Array;
}

/** Where in the log an event is. */
export interface Place {
  readonly stream: string;
  readonly revision: number;
  /** Commit and prepare position: the server writes an event and its commit as one record, so that both are one. */
  readonly position: bigint;
  readonly recordedAt: Date;
}

// What surrounds the texts and bytes of an event in the server's log: lengths, flags, ids, positions, a timestamp.
const RECORD_OVERHEAD = 106;

/** How many bytes of the log an event takes, as on the server: the next event is as far behind it. */
export const sizeInLog = (stream: string, { type, data, metadata }: ProposedEvent): number =>
  RECORD_OVERHEAD + Buffer.byteLength(stream) + Buffer.byteLength(type) + data.length + metadata.length;

/** The event as the answer of a read, once for all reads: that of a stream gives positions, too, as the server does. */
export function encodeEvent(event: ProposedEvent, { stream, revision, position, recordedAt }: Place): Buffer {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent();
  recorded.setId(new shared.UUID().setString(event.id));
  recorded.setStreamIdentifier(streamIdentifier(stream));
  recorded.setStreamRevision(String(revision));
  recorded.setCommitPosition(String(position));
  recorded.setPreparePosition(String(position));
  recorded.setData(event.data);
  recorded.setCustomMetadata(event.metadata);
  recorded
    .getMetadataMap()
    .set('type', event.type)
    .set('created', String(BigInt(recordedAt.getTime()) * TICKS_PER_MILLISECOND))
    .set('content-type', event.isJson ? 'application/json' : 'application/octet-stream');
  const read = new streams.ReadResp.ReadEvent().setEvent(recorded).setCommitPosition(String(position));
  return Buffer.from(new streams.ReadResp().setEvent(read).serializeBinary());
}

/** .NET's ticks of 100 ns: what the server counts recording times in. */
const TICKS_PER_MILLISECOND = 10_000n;

export const streamIdentifier = (stream: string) => new shared.StreamIdentifier().setStreamName(Buffer.from(stream));

export const streamNameOf = (identifier: { getStreamName_asU8(): Uint8Array } | undefined): string =>
  Buffer.from(identifier?.getStreamName_asU8() ?? []).toString();

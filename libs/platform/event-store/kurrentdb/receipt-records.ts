import { newId } from '#platform/kernel/ids.js';
import type { StreamId } from '#platform/kernel/envelope.js';
import type { AppendRequest, Receipt, Reservation, StreamRevision } from '../event-store.js';
import type { Names } from './names.js';
import type { NewRecord, RawRecord } from './records.js';

/** A receipt as it is kept; a command with events tells its last one instead of the position, which it has only then. */
export type KeptReceipt = Omit<Receipt, 'position'> & { readonly position?: bigint; readonly last?: StreamRevision };

/**
 * A record of Yad's own, whose id is new each time: the server takes a write that it knows, by the ids of its events,
 * for done, and a command that comes twice must be told so instead.
 */
const ownRecord = (streamName: string, type: string, body: object): NewRecord => ({
  streamName,
  record: {
    id: newId(),
    contentType: 'application/octet-stream',
    type,
    data: Buffer.from(JSON.stringify(body)),
    metadata: {},
  },
});

/** The receipt that is kept with a command's events. */
export function receiptRecordOf(names: Names, { commandId, fingerprint, events }: AppendRequest): NewRecord {
  const [{ aggregate, aggregateId, subject }] = events as [AppendRequest['events'][number]];
  const last = events.at(-1)!;
  const revision = events.findLast(
    (each) => each.aggregateId === aggregateId && each.aggregate === aggregate,
  )!.revision;
  return ownRecord(names.command(commandId), 'yad.command', {
    fingerprint: fingerprint?.toString('hex'),
    subject,
    aggregate,
    aggregateId,
    revision,
    events: events.length,
    last: { aggregate: last.aggregate, aggregateId: last.aggregateId, revision: last.revision },
  });
}

/** The receipt of a command without events. */
export const emptyReceiptRecordOf = (names: Names, receipt: Receipt): NewRecord =>
  ownRecord(names.command(receipt.commandId), 'yad.command', {
    fingerprint: receipt.fingerprint?.toString('hex'),
    subject: receipt.subject,
    aggregate: receipt.aggregate,
    aggregateId: receipt.aggregateId,
    revision: receipt.revision,
    events: 0,
    position: String(receipt.position),
  });

export function keptReceiptOf(commandId: string, raw: RawRecord): KeptReceipt {
  const { fingerprint, position, ...rest } = ownBodyOf(raw) as any;
  return {
    ...rest,
    commandId,
    fingerprint: fingerprint === undefined ? null : Buffer.from(fingerprint, 'hex'),
    ...(position === undefined ? {} : { position: BigInt(position) }),
  };
}

export const keyRecordOf = (names: Names, reservation: Reservation): NewRecord =>
  ownRecord(names.key(reservation), 'yad.key', {
    aggregate: reservation.aggregate,
    aggregateId: reservation.aggregateId,
  });

export const holderOf = (raw: RawRecord): StreamId => ownBodyOf(raw) as StreamId;

/** What nobody ever stores: its append is made to fail. */
export const probeRecordOf = (names: Names): NewRecord => ownRecord(names.probe, 'yad.probe', {});

export const incarnationRecordOf = (names: Names, body: object): NewRecord => ownRecord(names.log, 'yad.log', body);

/** @throws Error for what is not JSON of ours */
export function ownBodyOf({ data, streamId, revision }: RawRecord): object {
  if (!(data instanceof Uint8Array)) throw new Error(`the record ${revision} of ${streamId} was not written by Yad`);
  return JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.length).toString('utf8')) as object;
}

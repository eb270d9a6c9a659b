import type { StoredEvent } from '#platform/kernel/envelope.js';
import { instantOfText } from '#platform/postgres/instants.js';
import type { Receipt } from '../event-store.js';
import { parseMeta } from '../stored-meta.js';

/** The columns of an event, in the order in which `toStoredEvent` takes them. */
export const EVENT_COLUMNS = `position, aggregate, aggregate_id, revision, id, type, schema_version, occurred_at, recorded_at, subject, command_id, ordinal, meta, data, personal_data`;

/** A row of the log; without a subject where that is the aggregate itself. */
export type EventRow = [
  bigint,
  string,
  string,
  number,
  string,
  string,
  number,
  Date,
  Date,
  string | null,
  string,
  number,
  string,
  /** Null where it was too large to come with the others. */
  string | null,
  string | null,
];

/** What was too large to come with the others: position, data and personal data. */
export type LargeRow = [bigint, string, string | null];

export const toStoredEvent = (row: readonly [...EventRow, ...unknown[]]): StoredEvent => ({
  position: row[0],
  aggregate: row[1],
  aggregateId: row[2],
  revision: row[3],
  id: row[4],
  type: row[5],
  schemaVersion: row[6],
  occurredAt: row[7],
  recordedAt: row[8],
  subject: row[9] ?? row[2],
  commandId: row[10],
  ordinal: row[11],
  meta: parseMeta(row[12]),
  data: row[13]!,
  personalData: row[14],
});

const identity = (text: string): unknown => text;
const parsers: Record<number, (text: string) => unknown> = {
  16: (text) => text === 't',
  17: (text) => Buffer.from(text.slice(2), 'hex'),
  20: BigInt,
  21: Number,
  23: Number,
  // bigint[], of which ours have no nulls.
  1016: (text) => text.slice(1, -1).split(',').map(BigInt),
  1184: instantOfText,
};

/** Parsers for our columns: bigint positions, dates, and JSON left as the bytes that are stored. */
export const types = { getTypeParser: (oid: number): any => parsers[oid] ?? identity };
parsers[114] = identity;

export type ReceiptRow = [string, Buffer | null, string, string, string, number, bigint, number];

export const toReceipt = (row: ReceiptRow): Receipt => ({
  commandId: row[0],
  fingerprint: row[1],
  subject: row[2],
  aggregate: row[3],
  aggregateId: row[4],
  revision: row[5],
  position: row[6],
  events: row[7],
});

import type { sendUnaryData, ServerReadableStream, ServerUnaryCall } from '@grpc/grpc-js';
import type {
  AppendRecord,
  AppendRecordsRequest,
  AppendRecordsResponse,
  AppendRequest,
  AppendSessionResponse,
} from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v2/streams/streams_pb.js';
import { errorsOfV2 } from './errors.js';
import { expected, type StreamCheck, type Write } from './kurrent-log.js';
import { begin, write, type ServedNode } from './node.js';
import { streamsV2 } from './protocol.js';
import type { ProposedEvent } from './record-encoding.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const JSON_FORMAT = 1;

/** The server takes these for a check, or any revision; that nothing is to be checked is no check. */
const CONDITIONS: readonly bigint[] = [expected.noStream, expected.exists];

/** v2 `AppendRecords`: events of any streams in one write, with checks of any streams, written to or not. */
export const appendRecords =
  (node: ServedNode) =>
  async (
    call: ServerUnaryCall<AppendRecordsRequest, AppendRecordsResponse>,
    answer: sendUnaryData<AppendRecordsResponse>,
  ): Promise<void> => {
    try {
      begin(node, 'AppendRecords', call);
      const request = writeOfRecords(node, call.request);
      const result = await write(node, request, { requiresLeader: true, of: errorsOfV2 });
      if (result.kind === 'failed') throw errorsOfV2.violations(result.failures);
      const response = new streamsV2.AppendRecordsResponse().setPosition(String(result.position));
      for (const [index, revision] of result.revisions) {
        response.addRevisions(
          new streamsV2.StreamRevision().setStream(request.streams[index]!.stream).setRevision(String(revision)),
        );
      }
      answer(null, response);
    } catch (error) {
      answer(error as never);
    }
  };

function writeOfRecords(node: ServedNode, request: AppendRecordsRequest): Write {
  const records = request.getRecordsList();
  if (records.length === 0) throw errorsOfV2.badRequest('Append records request must contain at least one record.');
  const streams: StreamCheck[] = [];
  const indexes = new Map<string, number>();
  for (const check of request.getChecksList()) {
    const state = check.getStreamState();
    if (!state) throw errorsOfV2.badRequest('Each consistency check must specify a type.');
    const [stream, wanted] = [state.getStream(), BigInt(state.getExpectedState())];
    assertName(stream);
    if (wanted < 0n && !CONDITIONS.includes(wanted)) {
      throw errorsOfV2.badRequest('Expected state must be positive or one of the allowed constants. Any (-2) is not.');
    }
    // The server compares the names of streams here, and only here, without regard to case.
    if (indexes.has(stream.toLowerCase())) {
      throw errorsOfV2.badRequest('Each stream can only appear once in consistency checks.');
    }
    indexes.set(stream.toLowerCase(), streams.length);
    streams.push({ stream, expected: wanted });
  }
  const events = sized(node, records, (record) => record.getStream()).map((event, i) => {
    const stream = records[i]!.getStream();
    let streamIndex = indexes.get(stream.toLowerCase());
    if (streamIndex === undefined) {
      indexes.set(stream.toLowerCase(), (streamIndex = streams.length));
      streams.push({ stream, expected: expected.any });
    }
    return { ...event, streamIndex };
  });
  return { streams, events };
}

/** v2 `AppendSession`: events of several streams in one write, each stream once, with what it should be at. */
export const appendSession =
  (node: ServedNode) =>
  async (
    call: ServerReadableStream<AppendRequest, AppendSessionResponse>,
    answer: sendUnaryData<AppendSessionResponse>,
  ): Promise<void> => {
    try {
      begin(node, 'AppendSession', call);
      const requests: AppendRequest[] = [];
      for await (const request of call as AsyncIterable<AppendRequest>) {
        if (requests.some((other) => other.getStream().toLowerCase() === request.getStream().toLowerCase())) {
          throw errorsOfV2.sameStreamTwice(request.getStream());
        }
        requests.push(request);
      }
      if (requests.length === 0) throw errorsOfV2.noRequests();
      const streams = requests.map((request) => ({
        stream: request.getStream(),
        expected: request.hasExpectedRevision() ? BigInt(request.getExpectedRevision()!) : expected.any,
      }));
      const owners = requests.flatMap((request, index) => request.getRecordsList().map(() => index));
      const records = requests.flatMap((request) => request.getRecordsList());
      const proposed = sized(node, records, (_, i) => streams[owners[i]!]!.stream);
      const events = proposed.map((event, i) => ({ ...event, streamIndex: owners[i]! }));
      const result = await write(node, { streams, events }, { requiresLeader: true, of: errorsOfV2 });
      if (result.kind === 'failed') throw errorsOfV2.revisionConflict(result.failures[0]!);
      const response = new streamsV2.AppendSessionResponse().setPosition(String(result.position));
      for (const [index, revision] of result.revisions) {
        const output = new streamsV2.AppendResponse().setStream(streams[index]!.stream);
        response.addOutput(output.setStreamRevision(String(revision)));
      }
      answer(null, response);
    } catch (error) {
      answer(error as never);
    }
  };

/** The records as events, once each and all together are of a size that the server takes. */
function sized(
  { limits }: ServedNode,
  records: readonly AppendRecord[],
  streamOf: (record: AppendRecord, index: number) => string,
): ProposedEvent[] {
  let total = 0;
  return records.map((record, i) => {
    const stream = streamOf(record, i);
    assertName(stream);
    if (!UUID.test(record.getRecordId() ?? '')) throw errorsOfV2.badRequest('Record ID must be a valid UUID.');
    const event = proposed(record);
    const size = event.data.length + event.metadata.length + Buffer.byteLength(event.type);
    if (size > limits.record) throw errorsOfV2.recordSize(stream, event.id, size, limits.record);
    total += size;
    if (total > limits.append) throw errorsOfV2.transactionSize(total, limits.append);
    return event;
  });
}

/** Properties come out as a reader's metadata: JSON, with the name and format of the schema beside them. */
function proposed(record: AppendRecord): ProposedEvent {
  const schema = record.getSchema()!;
  const isJson = schema.getFormat() === JSON_FORMAT;
  const properties: Record<string, unknown> = {};
  for (const [key, value] of record.getPropertiesMap().getEntryList() as [string, never][]) {
    properties[key] = record.getPropertiesMap().get(key)!.toJavaScript() ?? value;
  }
  Object.assign(properties, { '$schema.name': schema.getName(), '$schema.format': isJson ? 'Json' : 'Bytes' });
  return {
    id: record.getRecordId()!.toLowerCase(),
    type: schema.getName(),
    isJson,
    data: record.getData_asU8(),
    metadata: Buffer.from(JSON.stringify(properties)),
  };
}

function assertName(stream: string): void {
  if (stream === '' || stream === '$$') throw errorsOfV2.badRequest(`Stream must not be '${stream}'.`);
}

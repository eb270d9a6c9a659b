import { Metadata, status as codes, type ServiceError } from '@grpc/grpc-js';
import type { Message } from 'google-protobuf';
import type { FailedCheck } from './kurrent-log.js';
import { any, errorsV2, protobuf, status, streamErrorsV2 } from './protocol.js';

/** Where a node answers. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

type Refusal = Pick<ServiceError, 'code' | 'details' | 'metadata'>;

/** An error as v1 services give it: what it is, by name, in the trailers. */
function named(code: codes, details: string, trailers: Record<string, string>): Refusal {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
  return { code, details, metadata };
}

/** An error as v2 services give it: a status with the reason, and what it is about as a message of its own. */
function detailed(code: codes, message: string, reason: string, details?: { name: string; message: Message }): Refusal {
  const packed = new status.Status().setCode(code as never).setMessage(message);
  if (details) packed.setDetails(pack(`kurrentdb.protocol.v2.${details.name}`, details.message));
  const metadata = new Metadata();
  // The server's status has two details, the reason first. Our class knows one: messages are merged by joining them.
  const first = new status.Status().setDetails(pack('google.rpc.ErrorInfo', errorInfo(reason)));
  const bytes = [first, packed].map((each) => Buffer.from(each.serializeBinary()));
  metadata.set('grpc-status-details-bin', Buffer.concat(bytes));
  return { code, details: message, metadata };
}

function errorInfo(reason: string): Uint8Array {
  const writer = new protobuf.BinaryWriter();
  writer.writeString(1, reason);
  writer.writeString(2, 'kurrentdb');
  return writer.getResultBuffer();
}

/** A message in the form that may hold any, by the name of its type. */
export function pack(name: string, message: Message | Uint8Array) {
  const packed = new any.Any();
  packed.pack(message instanceof Uint8Array ? message : message.serializeBinary(), name);
  return packed;
}

/** What the v1 services refuse with. */
export const errors = {
  notReady: (): Refusal => named(codes.UNAVAILABLE, 'Server Is Not Ready', {}),
  timeout: (): Refusal => named(codes.ABORTED, 'Operation timed out: Commit phase timeout.', {}),
  broken: (): Refusal => named(codes.UNKNOWN, 'Unexpected OperationResult: InternalError', {}),
  accessDenied: (): Refusal => named(codes.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' }),
  notLeader: ({ host, port }: Endpoint): Refusal =>
    named(codes.NOT_FOUND, 'Leader info available', {
      ...{ exception: 'not-leader', 'leader-endpoint-host': host, 'leader-endpoint-port': String(port) },
    }),
  maximumAppendSize: (size: number): Refusal =>
    named(codes.INVALID_ARGUMENT, `Maximum Append Size of ${size} Exceeded.`, {
      ...{ exception: 'maximum-append-size-exceeded', 'maximum-append-size': String(size) },
    }),
  /** Of a read of events; a subscription is told better. */
  invalidPositionOfRead: (): Refusal => named(codes.UNKNOWN, 'Unexpected FilteredReadAllResult: InvalidPosition', {}),
  invalidPosition: (): Refusal => named(codes.INVALID_ARGUMENT, 'Trying to read from an invalid position.', {}),
  invalidArgument: (details: string): Refusal => named(codes.INVALID_ARGUMENT, details, {}),
};

/** What the v2 services refuse with. */
export const errorsOfV2 = {
  notReady: (): Refusal =>
    detailed(codes.UNAVAILABLE, 'The server is not yet ready to handle requests.', 'SERVER_NOT_READY'),
  timeout: (): Refusal =>
    detailed(codes.DEADLINE_EXCEEDED, 'Operation timed out: waiting for commit', 'OPERATION_TIMEOUT'),
  broken: (): Refusal => detailed(codes.INTERNAL, 'An internal server error occurred.', 'SERVER_MALFUNCTION'),
  notLeader: ({ host, port }: Endpoint): Refusal => {
    const leader = new errorsV2.NotLeaderNodeErrorDetails.NodeInfo();
    leader.setHost(host).setPort(port).setNodeId('00000000-0000-4000-8000-0000000000aa');
    const message = new errorsV2.NotLeaderNodeErrorDetails().setCurrentLeader(leader);
    const text = `The server is not the leader node and cannot handle the request. Please retry at ${host}:${port}`;
    return detailed(codes.FAILED_PRECONDITION, text, 'NOT_LEADER_NODE', {
      ...{ name: 'errors.NotLeaderNodeErrorDetails', message },
    });
  },
  badRequest: (message: string): Refusal => detailed(codes.INVALID_ARGUMENT, message, 'BAD_REQUEST'),
  noRequests: (): Refusal =>
    detailed(codes.FAILED_PRECONDITION, 'No append requests were sent.', 'APPEND_SESSION_NO_REQUESTS'),
  sameStreamTwice: (stream: string): Refusal => {
    const message = new streamErrorsV2.StreamAlreadyInAppendSessionErrorDetails().setStream(stream);
    return detailed(
      codes.ABORTED,
      `Stream '${stream}' is in this session already.`,
      'STREAM_ALREADY_IN_APPEND_SESSION',
      {
        ...{ name: 'streams.errors.StreamAlreadyInAppendSessionErrorDetails', message },
      },
    );
  },
  recordSize: (stream: string, recordId: string, size: number, maxSize: number): Refusal => {
    const message = new streamErrorsV2.AppendRecordSizeExceededErrorDetails();
    message.setStream(stream).setRecordId(recordId).setSize(size).setMaxSize(maxSize);
    return detailed(
      codes.INVALID_ARGUMENT,
      `The size of record ${recordId} is too large.`,
      'APPEND_RECORD_SIZE_EXCEEDED',
      {
        ...{ name: 'streams.errors.AppendRecordSizeExceededErrorDetails', message },
      },
    );
  },
  transactionSize: (size: number, maxSize: number): Refusal => {
    const message = new streamErrorsV2.AppendTransactionSizeExceededErrorDetails().setSize(size).setMaxSize(maxSize);
    return detailed(
      codes.ABORTED,
      `Transaction size (${size} B) exceeded the maximum.`,
      'APPEND_TRANSACTION_SIZE_EXCEEDED',
      {
        ...{ name: 'streams.errors.AppendTransactionSizeExceededErrorDetails', message },
      },
    );
  },
  revisionConflict: ({ stream, expected, actual }: FailedCheck): Refusal => {
    const message = new streamErrorsV2.StreamRevisionConflictErrorDetails();
    message.setStream(stream).setExpectedRevision(String(expected)).setActualRevision(String(actual));
    const text = `Append failed due to a revision conflict on stream '${stream}'.`;
    return detailed(codes.FAILED_PRECONDITION, text, 'STREAM_REVISION_CONFLICT', {
      ...{ name: 'streams.errors.StreamRevisionConflictErrorDetails', message },
    });
  },
  violations: (failures: readonly FailedCheck[]): Refusal => {
    const message = new streamErrorsV2.AppendConsistencyViolationErrorDetails();
    for (const { stream, streamIndex, expected, actual } of failures) {
      const state = new streamErrorsV2.ConsistencyViolation.StreamStateViolation();
      state.setStream(stream).setExpectedState(String(expected)).setActualState(String(actual));
      message.addViolations(new streamErrorsV2.ConsistencyViolation().setCheckIndex(streamIndex).setStreamState(state));
    }
    const text = 'Append failed due to consistency violations.';
    return detailed(codes.FAILED_PRECONDITION, text, 'APPEND_CONSISTENCY_VIOLATION', {
      ...{ name: 'streams.errors.AppendConsistencyViolationErrorDetails', message },
    });
  },
};

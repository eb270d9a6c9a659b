import type { sendUnaryData, ServerDuplexStream, ServerReadableStream } from '@grpc/grpc-js';
import type {
  AppendReq,
  AppendResp,
  BatchAppendReq,
  BatchAppendResp,
} from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import { errors, pack } from './errors.js';
import { expected, type FailedCheck, type Write, type WriteResult } from './kurrent-log.js';
import { begin, write, type ServedNode } from './node.js';
import { googleEmpty, shared, status, streams } from './protocol.js';
import { sizeInLog, streamNameOf, type ProposedEvent } from './record-encoding.js';

interface WrittenMessage {
  getId(): { getString(): string } | undefined;
  getMetadataMap(): { get(key: string): string | undefined };
  getData_asU8(): Uint8Array;
  getCustomMetadata_asU8(): Uint8Array;
}

const proposed = (message: WrittenMessage): ProposedEvent => ({
  id: message.getId()!.getString().toLowerCase(),
  type: message.getMetadataMap().get('type')!,
  isJson: message.getMetadataMap().get('content-type') === 'application/json',
  data: message.getData_asU8(),
  metadata: message.getCustomMetadata_asU8(),
});

/** The state that a client expects, by the names that both v1 calls share. */
function expectedOf(options: AppendReq.Options | BatchAppendReq.Options): bigint {
  if (options.hasNoStream()) return expected.noStream;
  if (options.hasAny()) return expected.any;
  if (options.hasStreamExists()) return expected.exists;
  return BigInt('getRevision' in options ? options.getRevision() : options.getStreamPosition());
}

const writeTo = (stream: string, state: bigint, events: readonly ProposedEvent[]): Write => ({
  streams: [{ stream, expected: state }],
  events: events.map((event) => ({ ...event, streamIndex: 0 })),
});

const sizeOf = (stream: string, events: readonly ProposedEvent[]): number =>
  events.reduce((sum, event) => sum + sizeInLog(stream, event), 0);

const requiresLeader = (call: { metadata: { get(key: string): unknown[] } }): boolean =>
  call.metadata.get('requires-leader')[0] === 'true';

/** v1 `Append`: one stream, one call. */
export const append =
  (node: ServedNode) =>
  async (call: ServerReadableStream<AppendReq, AppendResp>, answer: sendUnaryData<AppendResp>): Promise<void> => {
    try {
      begin(node, 'Append', call);
      let options: AppendReq.Options | undefined;
      const events: ProposedEvent[] = [];
      for await (const request of call as AsyncIterable<AppendReq>) {
        if (request.hasOptions()) options = request.getOptions()!;
        else events.push(proposed(request.getProposedMessage()!));
      }
      if (!options) throw errors.invalidArgument('The first message has the options.');
      const stream = streamNameOf(options.getStreamIdentifier());
      if (sizeOf(stream, events) > node.limits.append) throw errors.maximumAppendSize(node.limits.append);
      const request = writeTo(stream, expectedOf(options), events);
      const result = await write(node, request, { requiresLeader: requiresLeader(call), of: errors });
      answer(null, appendAnswer(result));
    } catch (error) {
      answer(error as never);
    }
  };

function appendAnswer(result: WriteResult): AppendResp {
  if (result.kind === 'written') {
    const position = new streams.AppendResp.Position();
    position.setCommitPosition(String(result.position)).setPreparePosition(String(result.position));
    const success = new streams.AppendResp.Success().setPosition(position);
    success.setCurrentRevision(String(result.revisions.get(0)));
    return new streams.AppendResp().setSuccess(success);
  }
  const { expected: state, actual } = result.failures[0]!;
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (state === expected.any) wrong.setExpectedAny(new shared.Empty());
  else if (state === expected.exists) wrong.setExpectedStreamExists(new shared.Empty());
  else if (state === expected.noStream) wrong.setExpectedNoStream(new shared.Empty());
  else wrong.setExpectedRevision(String(state));
  if (actual < 0n) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(String(actual));
  return new streams.AppendResp().setWrongExpectedVersion(wrong);
}

/** v1 `BatchAppend`: many appends over one call, told apart by their correlation. */
export const batchAppend = (node: ServedNode) => (call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>) => {
  const open = new Map<string, { options: BatchAppendReq.Options; events: ProposedEvent[] }>();
  call.on('error', () => {});
  call.on('end', () => call.end());
  try {
    begin(node, 'BatchAppend', call);
  } catch (error) {
    call.emit('error', error);
    return;
  }
  call.on('data', (request: BatchAppendReq) => {
    const key = Buffer.from(request.getCorrelationId()!.serializeBinary()).toString('hex');
    if (request.hasOptions()) open.set(key, { options: request.getOptions()!, events: [] });
    const one = open.get(key);
    if (!one) return;
    one.events.push(...request.getProposedMessagesList().map(proposed));
    if (!request.getIsFinal()) return;
    open.delete(key);
    const stream = streamNameOf(one.options.getStreamIdentifier());
    const response = new streams.BatchAppendResp().setCorrelationId(request.getCorrelationId());
    response.setStreamIdentifier(one.options.getStreamIdentifier());
    const send = (): void => void (call.writable && call.write(response));
    if (sizeOf(stream, one.events) > node.limits.append) {
      const size = new shared.MaximumAppendSizeExceeded().setMaxappendsize(node.limits.append);
      response.setError(failed('Maximum Append Size Exceeded', 'MaximumAppendSizeExceeded', size));
      return send();
    }
    const written = write(node, writeTo(stream, expectedOf(one.options), one.events), {
      ...{ requiresLeader: requiresLeader(call), of: errors },
    });
    written.then(
      (result) => {
        if (result.kind === 'written') response.setSuccess(batchSuccess(result));
        else response.setError(wrongVersion(result.failures[0]!));
        send();
      },
      (error: { details: string; metadata: { get(key: string): unknown[] } }) => {
        // Another node's leading ends the whole call; all else is an answer of this append.
        if (error.metadata.get('exception')[0] === 'not-leader') return call.emit('error', error);
        const timeout = error.details.startsWith('Operation timed out');
        response.setError(
          timeout
            ? failed(error.details, 'Timeout', new shared.Timeout())
            : failed(error.details, 'Unknown', new shared.Unknown()),
        );
        send();
      },
    );
  });
};

const failed = (message: string, name: string, details: Parameters<typeof pack>[1]) =>
  new status.Status()
    .setCode(2)
    .setMessage(message)
    .setDetails(pack(`event_store.client.${name}`, details));

function batchSuccess(result: WriteResult & { kind: 'written' }) {
  const position = new shared.AllStreamPosition();
  position.setCommitPosition(String(result.position)).setPreparePosition(String(result.position));
  const success = new streams.BatchAppendResp.Success().setPosition(position);
  return success.setCurrentRevision(String(result.revisions.get(0)));
}

function wrongVersion({ expected: state, actual }: FailedCheck) {
  const wrong = new shared.WrongExpectedVersion();
  if (state === expected.any) wrong.setExpectedAny(new googleEmpty.Empty());
  else if (state === expected.exists) wrong.setExpectedStreamExists(new googleEmpty.Empty());
  else if (state === expected.noStream) wrong.setExpectedNoStream(new googleEmpty.Empty());
  else wrong.setExpectedStreamPosition(String(state));
  if (actual < 0n) wrong.setCurrentNoStream(new googleEmpty.Empty());
  else wrong.setCurrentStreamRevision(String(actual));
  return failed('WrongExpectedVersion', 'WrongExpectedVersion', wrong);
}

import { once } from 'node:events';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { ReadReq, ReadResp } from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import { errors } from './errors.js';
import type { ReadFault } from './faults.js';
import type { LogRecord } from './kurrent-log.js';
import { begin, fail, isLeader, type ServedNode } from './node.js';
import { shared, streams } from './protocol.js';
import { streamIdentifier, streamNameOf } from './record-encoding.js';
import { subscribe } from './subscription.js';

export type ReadCall = ServerWritableStream<ReadReq, ReadResp>;

/** Writes answers of a read as fast as the client takes them, with what is to go wrong. */
export class Sending {
  private sent = 0;
  readonly ended = new AbortController();
  private readonly fault: ReadFault | undefined;

  constructor(
    private readonly node: ServedNode,
    private readonly call: ReadCall,
    kind: ReadFault['of'],
  ) {
    this.fault = node.faults.takeRead(kind);
    call.on('cancelled', () => this.ended.abort());
    call.on('close', () => this.ended.abort());
  }

  /** @throws what the read fails with */
  async event(record: LogRecord): Promise<void> {
    await this.failIfDue();
    this.sent++;
    await this.message(record.encoded as never);
  }

  async message(message: ReadResp): Promise<void> {
    if (this.ended.signal.aborted || this.call.write(message)) return;
    await once(this.call, 'drain', { signal: this.ended.signal }).catch(() => {});
  }

  /** @throws what the read fails with when as many events came before that as it says */
  async failIfDue(): Promise<void> {
    if (this.fault && this.sent >= this.fault.after) await fail(this.node, this.fault.answer, errors);
  }
}

/** v1 `Read`: a stream or all, in either direction, filtered, and subscriptions: by the client and by its native bridge. */
export const read =
  (node: ServedNode) =>
  async (call: ReadCall): Promise<void> => {
    const options = call.request.getOptions()!;
    const kind = options.hasSubscription() ? 'subscription' : 'read';
    call.on('error', () => {});
    try {
      begin(node, kind === 'read' ? 'Read' : 'Subscribe', call);
      if (call.metadata.get('requires-leader')[0] === 'true' && !isLeader(node)) throw errors.notLeader(node.leader());
      if (!options.getUuidOption()?.hasString()) throw errors.invalidArgument('This double gives ids as text only.');
      const sending = new Sending(node, call, kind);
      if (node.faults.delayMs > 0) await new Promise((done) => setTimeout(done, node.faults.delayMs));
      if (kind === 'subscription') await subscribe(node, options, sending);
      else if (options.hasAll()) await readAll(node, options, sending);
      else await readStream(node, options, sending);
      await sending.failIfDue();
      call.end();
    } catch (error) {
      if (!call.cancelled) call.emit('error', error);
    }
  };

const isBackwards = (options: ReadReq.Options): boolean =>
  options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;

async function readStream(node: ServedNode, options: ReadReq.Options, sending: Sending): Promise<void> {
  const wanted = options.getStream()!;
  const name = streamNameOf(wanted.getStreamIdentifier());
  const records = node.log.stream(name);
  if (records.length === 0) {
    const missing = new streams.ReadResp.StreamNotFound().setStreamIdentifier(streamIdentifier(name));
    return sending.message(new streams.ReadResp().setStreamNotFound(missing));
  }
  const last = records.length - 1;
  const start = startRevision(wanted, last);
  const step = isBackwards(options) ? -1 : 1;
  let left = BigInt(options.getCount());
  for (let i = step < 0 ? Math.min(start, last) : start; i >= 0 && i <= last && left > 0n; i += step, left--) {
    if (sending.ended.signal.aborted) return;
    await sending.event(records[i]!);
  }
  if ((options.getControlOption()?.getCompatibility() ?? 0) < 1) return;
  await sending.message(new streams.ReadResp().setLastStreamPosition(String(last)));
}

function startRevision(wanted: ReadReq.Options.StreamOptions, last: number): number {
  if (wanted.hasStart()) return 0;
  if (wanted.hasEnd()) return last;
  // More than a number holds is beyond any stream.
  return Math.min(Number(wanted.getRevision()), Number.MAX_SAFE_INTEGER);
}

async function readAll(node: ServedNode, options: ReadReq.Options, sending: Sending): Promise<void> {
  const { log } = node;
  const passes = filterOf(options);
  const from = positionOf(options, errors.invalidPositionOfRead, node);
  let left = BigInt(options.getCount());
  const backwards = isBackwards(options);
  // Forwards the event at the position comes first; backwards the one before it.
  const start = from === 'start' ? 0 : from === 'end' ? log.records.length : log.indexAt(from);
  const end = log.records.length;
  for (let i = backwards ? start - 1 : start; i >= 0 && i < end && left > 0n; i += backwards ? -1 : 1) {
    const record = log.records[i]!;
    if (!passes(record)) continue;
    if (sending.ended.signal.aborted) return;
    await sending.event(record);
    left--;
  }
}

/** Where a read of all begins. @throws for a position at which no record begins */
export function positionOf(
  options: ReadReq.Options,
  invalid: () => unknown,
  { log }: ServedNode,
): bigint | 'start' | 'end' {
  const all = options.getAll()!;
  if (all.hasStart()) return 'start';
  if (all.hasEnd()) return 'end';
  const position = BigInt(all.getPosition()!.getCommitPosition());
  if (!log.isBoundary(position)) throw invalid();
  return position;
}

/** Which events a read asks for. @throws for an expression that is none */
export function filterOf(options: ReadReq.Options): (record: LogRecord) => boolean {
  const filter = options.getFilter();
  if (!filter) return () => true;
  const expression = filter.getStreamIdentifier() ?? filter.getEventType();
  if (!expression) throw errors.invalidArgument('A filter is on streams or on types.');
  const part = filter.hasStreamIdentifier() ? 'stream' : 'type';
  if (expression.getRegex() !== '') {
    const pattern = new RegExp(expression.getRegex());
    return (record) => pattern.test(record[part]);
  }
  const prefixes = expression.getPrefixList();
  return (record) => prefixes.some((prefix) => record[part].startsWith(prefix));
}

/** A position as messages of subscriptions have it. */
export const allPosition = (position: bigint) =>
  new shared.AllStreamPosition().setCommitPosition(String(position)).setPreparePosition(String(position));

import type { ReadReq } from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import { errors } from './errors.js';
import type { LogRecord } from './kurrent-log.js';
import type { ServedNode } from './node.js';
import { streams, timestamp } from './protocol.js';
import { streamNameOf } from './record-encoding.js';
import { filterOf, positionOf, type Sending } from './read-service.js';

/** Events that the server looks at in one go where the client does not say. */
const WINDOW = 32;

let made = 0;

/** Events after a position or revision, then those that are written, until the client leaves or the call is dropped. */
export async function subscribe(node: ServedNode, options: ReadReq.Options, sending: Sending): Promise<void> {
  const confirmation = new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(`subscription-${++made}`);
  if (options.hasAll()) {
    const from = positionOf(options, errors.invalidPosition, node);
    await sending.message(new streams.ReadResp().setConfirmation(confirmation));
    await subscribeToAll(node, options, sending, from);
    return;
  }
  await sending.message(new streams.ReadResp().setConfirmation(confirmation));
  const wanted = options.getStream()!;
  const name = streamNameOf(wanted.getStreamIdentifier());
  const records = (): readonly LogRecord[] => node.log.stream(name);
  const start = wanted.hasStart() ? 0 : wanted.hasEnd() ? records().length : Number(wanted.getRevision()) + 1;
  await follow(node, sending, {
    ...{ records, start, passes: () => true, checkpointEvery: 0 },
    place: (message, record) => message.setStreamRevision(String(record.revision)),
  });
}

async function subscribeToAll(
  node: ServedNode,
  options: ReadReq.Options,
  sending: Sending,
  from: bigint | 'start' | 'end',
): Promise<void> {
  const { log } = node;
  const filter = options.getFilter();
  const window = filter?.hasMax() ? filter.getMax() : WINDOW;
  // What is at the position has been seen by whoever gives it.
  const start = from === 'start' ? 0 : from === 'end' ? log.records.length : log.indexAt(from + 1n);
  await follow(node, sending, {
    ...{ records: () => log.records, start, passes: filterOf(options) },
    checkpointEvery: filter ? window * Math.max(1, filter.getCheckpointintervalmultiplier()) : 0,
    place: (message, { position }) => {
      const reached = new streams.ReadResp.Position();
      message.setPosition(reached.setCommitPosition(String(position)).setPreparePosition(String(position)));
    },
  });
}

interface Followed {
  readonly records: () => readonly LogRecord[];
  readonly start: number;
  readonly passes: (record: LogRecord) => boolean;
  /** Events looked at between two checkpoints; none without a filter, where each event says how far it is. */
  readonly checkpointEvery: number;
  readonly place: (message: InstanceType<typeof streams.ReadResp.CaughtUp>, record: LogRecord) => void;
}

async function follow(node: ServedNode, sending: Sending, followed: Followed): Promise<void> {
  const { records, passes, checkpointEvery, place } = followed;
  let next = followed.start;
  let looked = 0;
  let isLive = false;
  const { signal } = sending.ended;
  while (!signal.aborted) {
    const record = records()[next];
    if (record) {
      next++;
      looked++;
      if (passes(record)) await sending.event(record);
      if (checkpointEvery > 0 && looked % checkpointEvery === 0) await sending.message(checkpoint(node, record));
      continue;
    }
    await sending.failIfDue();
    if (!isLive) {
      isLive = true;
      const last = records()[next - 1];
      // Between what there was and what comes: how far a reader is that has met no event of its own.
      if (checkpointEvery > 0 && last && looked > 0) await sending.message(checkpoint(node, last));
      await sending.message(caughtUp(node, last, place));
      continue;
    }
    await node.log.changed(signal);
  }
}

function checkpoint({ log }: ServedNode, { position }: LogRecord) {
  const message = new streams.ReadResp.Checkpoint().setTimestamp(timestamp.Timestamp.fromDate(log.clock()));
  message.setCommitPosition(String(position)).setPreparePosition(String(position));
  return new streams.ReadResp().setCheckpoint(message);
}

function caughtUp({ log }: ServedNode, last: LogRecord | undefined, place: Followed['place']) {
  const message = new streams.ReadResp.CaughtUp().setTimestamp(timestamp.Timestamp.fromDate(log.clock()));
  if (last) place(message, last);
  return new streams.ReadResp().setCaughtUp(message);
}

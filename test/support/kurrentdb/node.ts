import { setTimeout as delay } from 'node:timers/promises';
import type { Metadata } from '@grpc/grpc-js';
import { errors, errorsOfV2, type Endpoint } from './errors.js';
import type { Failure, Faults } from './faults.js';
import type { KurrentLog, Write, WriteResult } from './kurrent-log.js';

/** Sizes that the server refuses more than. */
export interface Limits {
  /** All events of one append. */
  readonly append: number;
  /** One event. */
  readonly record: number;
}

/** A node of a cluster, as its services see it. */
export interface ServedNode {
  readonly log: KurrentLog;
  readonly faults: Faults;
  readonly limits: Limits;
  readonly version: string;
  readonly endpoint: Endpoint;
  /** All nodes, this one included. */
  members(): readonly Endpoint[];
  leader(): Endpoint;
  /** Ends all connections to this node at once; new ones are taken. */
  cut(): void;
  /** Whether a call may read and write, by what it says of its user. */
  admits(metadata: Metadata): boolean;
  /** Counts a call, by its name. */
  count(call: string): void;
}

/** Counts a call. @throws where its user may not */
export function begin(node: ServedNode, name: string, { metadata }: { metadata: Metadata }): void {
  node.count(name);
  if (!node.admits(metadata)) throw errors.accessDenied();
}

export const isLeader = (node: ServedNode): boolean => node.leader().port === node.endpoint.port;

/** A promise that nobody settles: no answer. */
const never = (): Promise<never> => new Promise(() => {});

/** The error that a failure is told by. @throws it; without an answer it does not return */
export async function fail(node: ServedNode, failure: Failure, of: typeof errors | typeof errorsOfV2): Promise<never> {
  if (failure === 'silence') return never();
  if (failure === 'cut') {
    node.cut();
    return never();
  }
  if (failure === 'not-leader') throw of.notLeader(node.leader());
  throw of[failure === 'not-ready' ? 'notReady' : failure]();
}

/**
 * Does a write as a call of this node asks for it, with what is to go wrong.
 * @throws what the node refuses with
 */
export async function write(
  node: ServedNode,
  request: Write,
  { requiresLeader, of }: { requiresLeader: boolean; of: typeof errors | typeof errorsOfV2 },
): Promise<WriteResult> {
  if (requiresLeader && !isLeader(node)) throw of.notLeader(node.leader());
  const fault = node.faults.takeAppend();
  const delayMs = node.faults.delayMs + (fault?.delayMs ?? 0);
  if (!fault) {
    if (delayMs > 0) await delay(delayMs);
    return node.log.write(request);
  }
  let result = fault.written ? node.log.write(request) : undefined;
  if (delayMs > 0) await delay(delayMs);
  if (fault.answer) return fail(node, fault.answer, of);
  if (fault.twice) node.log.write(request);
  result ??= node.log.write(request);
  return result;
}

import type { FastifyReply, FastifyRequest } from 'fastify';
import { AtOnceOfEach } from '#platform/access/at-once.js';
import type { AccessLog } from '#platform/access/access-log.js';
import { FailedSignIns } from '#platform/access/failed-sign-ins.js';
import { NotSignedIn } from '#platform/access/not-signed-in.js';
import type { Authenticator, Principal } from '#platform/access/principal.js';
import { RateLimiter, type Rate } from '#platform/access/rate-limit.js';
import { MOST_ACTOR } from '#platform/command-handling/command-message.js';
import type { Role } from '#platform/kernel/command.js';
import { noteDenied, noteSeen } from './access-notes.js';
import { headerText } from './header-text.js';
import { HttpProblem, InvalidRequest } from './refusals.js';
import type { Sight } from './sight.js';

/** What a request asks for. */
export interface Operation {
  readonly name: string;
  /** Roles of which the sender must have one; absent: each part of the request is looked at by itself. */
  readonly allowed?: readonly Role[];
}

/** What is known of a request beside what it sent: for its line in the log, its metrics, its answer. */
export interface Admitted {
  readonly operation: string;
  /** Absent while it is not known who is asking. */
  principal?: Principal;
  /** Where it is noted what it was denied. */
  readonly accessLog: AccessLog | undefined;
}

const ADMITTED = Symbol('admitted');
interface Noted {
  [ADMITTED]?: Admitted;
}

/** What is known of a request; undefined where it came to no operation. */
export const admittedOf = (request: FastifyRequest): Admitted | undefined => (request as Noted)[ADMITTED];

/** Notes that a request was denied something; nothing where it came to no operation. */
export function deniedTo(request: FastifyRequest, status: number, count = 1): void {
  const admitted = admittedOf(request);
  if (!admitted?.accessLog) return;
  noteDenied(admitted.accessLog, request, admitted.operation, admitted.principal, status, count);
}

/** How much one sender may ask of this process. Whoever has not signed in, as on one's own machine, has no bounds. */
export interface SenderLimits {
  /** Absent: as often as it likes. */
  readonly requests?: Rate;
  /** Requests from one address that nobody could be made out for. Absent: as many as come. */
  readonly failedSignIns?: Rate;
  /** Requests at the feed that wait, and streams of it, at once. Absent: all there are. */
  readonly feedAtOnce?: number;
}

/** Items of a batch that cost as much as one request. */
const ITEMS_A_TOKEN = 100;

/** The one door of every operation: who is asking, whether they may, and whether not too often. */
export class Admission {
  private readonly atFeed: AtOnceOfEach;
  private readonly limiter: RateLimiter | undefined;
  private readonly failures: FailedSignIns | undefined;

  constructor(
    private readonly authenticator: Authenticator,
    private readonly accessLog?: AccessLog,
    { requests, failedSignIns, feedAtOnce = 0 }: SenderLimits = {},
  ) {
    this.limiter = requests && new RateLimiter(requests);
    this.failures = failedSignIns && new FailedSignIns(failedSignIns);
    this.atFeed = new AtOnceOfEach(feedAtOnce);
  }

  /**
   * Lets a request in. At once where the principal is known without waiting, as usual.
   * @param reply gets the headers that tell the sender what it has left
   * @throws NotSignedIn, SignInUnavailable; HttpProblem forbidden, too-many-requests; InvalidRequest
   */
  admit(request: FastifyRequest, operation: Operation, reply: FastifyReply): Principal | Promise<Principal> {
    const admitted: Admitted = { operation: operation.name, accessLog: this.accessLog };
    (request as Noted)[ADMITTED] = admitted;
    if (this.failures?.areAny) this.refuseGuesses(this.failures, request);
    let found: Principal | Promise<Principal>;
    try {
      found = this.authenticator.authenticate(request.headers);
    } catch (error) {
      this.noteFailure(request, error);
      throw error;
    }
    if (found instanceof Promise) {
      return found.then(
        (principal) => this.letIn(principal, admitted, operation, request, reply),
        (error: unknown) => {
          this.noteFailure(request, error);
          throw error;
        },
      );
    }
    return this.letIn(found, admitted, operation, request, reply);
  }

  /** Counts the items of a batch, of which 100 are as one request. They are let in: further requests wait for it. */
  countItems({ actor, by }: Principal, items: number): void {
    if (by !== 'development' && items > ITEMS_A_TOKEN) {
      this.limiter?.charge(actor, Math.ceil(items / ITEMS_A_TOKEN) - 1);
    }
  }

  /**
   * Takes one of a sender's places at the feed, for a request that waits there or a stream.
   * @returns gives it back
   * @throws HttpProblem too-many-at-once
   */
  enterFeed({ actor, by }: Principal): (() => void) | undefined {
    if (by === 'development') return undefined;
    if (!this.atFeed.enter(actor)) {
      throw new HttpProblem('too-many-at-once', `'${actor}' has as many requests at the feed as it may`);
    }
    return () => this.atFeed.leave(actor);
  }

  /** @throws HttpProblem too-many-requests, before anything is spent on finding out who it is */
  private refuseGuesses(failures: FailedSignIns, { headers, ip }: FastifyRequest): void {
    if (!failures.refuses(ip, headers.authorization)) return;
    throw new HttpProblem('too-many-requests', 'too many requests from this address were by nobody who is known');
  }

  private noteFailure({ ip }: FastifyRequest, error: unknown): void {
    if (error instanceof NotSignedIn) this.failures?.failed(ip);
  }

  /**
   * Notes that the sender of a request is about to see personal values.
   * @param count items in the answer
   * @returns resolves when that is stored; undefined where nothing is to be
   * @throws AccessNotLogged when it cannot be: then nothing may be shown
   */
  seen(
    request: FastifyRequest,
    operation: string,
    principal: Principal,
    sight: Sight,
    count = 1,
  ): Promise<void> | undefined {
    return noteSeen(this.accessLog, request, operation, principal, sight, count);
  }

  private letIn(
    principal: Principal,
    admitted: Admitted,
    { name, allowed }: Operation,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Principal {
    admitted.principal = principal;
    if (principal.by !== 'development') {
      if (this.failures?.areAny) this.failures.succeeded(request.headers.authorization);
      if (this.limiter) countRequest(this.limiter, principal, reply);
    }
    const { headers } = request;
    if (headers['yad-actor'] !== undefined || headers['yad-roles'] !== undefined) refuseClaims(principal, request);
    if (allowed) authorise(principal, allowed, name);
    return principal;
  }
}

/** @throws HttpProblem too-many-requests */
function countRequest(limiter: RateLimiter, { actor }: Principal, reply: FastifyReply): void {
  const bucket = limiter.take(actor);
  const seconds = limiter.secondsToWait(bucket);
  if (seconds > 0) limiter.giveBack(bucket);
  reply.header('ratelimit-policy', limiter.policy).header('ratelimit', limiter.textOf(bucket));
  if (seconds > 0) throw new HttpProblem('too-many-requests', `'${actor}' asks more often than it may`, seconds);
}

/**
 * Both were believed once. Passed over in silence, an event would have another actor than its sender thinks, and whoever
 * meant to narrow its roles would have all of them.
 */
function refuseClaims({ actor }: Principal, { headers }: FastifyRequest): void {
  if (headers['yad-roles'] !== undefined) {
    const message = 'is not known any more: roles come with the key or token';
    throw new InvalidRequest('header', [{ pointer: '/Yad-Roles', message }]);
  }
  if (headerText(headers, 'yad-actor', 'Yad-Actor', MOST_ACTOR) === actor) return;
  throw new HttpProblem(
    'forbidden',
    `Yad-Actor names another than '${actor}', who is asking; Yad-On-Behalf-Of says for whom a service acts`,
  );
}

/** Who may say for whom it acts: what stands for others, not a person at a desk. */
const MAY_STAND_IN: readonly Role[] = ['service', 'admin'];

/** @throws HttpProblem forbidden, unless the principal may act for somebody. */
export const authoriseOnBehalf = (principal: Principal): void => authorise(principal, MAY_STAND_IN, 'Yad-On-Behalf-Of');

/** @throws HttpProblem forbidden, unless the principal has one of the roles. */
export function authorise(principal: Principal, allowed: readonly Role[], what: string): void {
  for (const role of allowed) if (principal.roles.has(role)) return;
  throw new HttpProblem('forbidden', `${what} needs one of the roles ${allowed.join(', ')}`);
}

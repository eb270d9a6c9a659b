import type { FastifyRequest } from 'fastify';
import type { AccessLog } from '#platform/access/access-log.js';
import type { Authenticator, Principal } from '#platform/access/principal.js';
import type { Role } from '#platform/kernel/command.js';
import { noteDenied, noteSeen } from './access-notes.js';
import { HttpProblem } from './refusals.js';
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

/** The one door of every operation: who is asking, and whether they may. */
export class Admission {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly accessLog?: AccessLog,
  ) {}

  /**
   * Lets a request in. At once where the principal is known without waiting, as usual.
   * @throws HttpProblem unauthenticated, forbidden
   */
  admit(request: FastifyRequest, operation: Operation): Principal | Promise<Principal> {
    const admitted: Admitted = { operation: operation.name, accessLog: this.accessLog };
    (request as Noted)[ADMITTED] = admitted;
    const found = this.authenticator.authenticate(request.headers);
    if (found instanceof Promise) return found.then((principal) => this.letIn(principal, admitted, operation));
    return this.letIn(found, admitted, operation);
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

  private letIn(principal: Principal, admitted: Admitted, { name, allowed }: Operation): Principal {
    admitted.principal = principal;
    if (allowed) authorise(principal, allowed, name);
    return principal;
  }
}

/** @throws HttpProblem forbidden, unless the principal has one of the roles. */
export function authorise(principal: Principal, allowed: readonly Role[], what: string): void {
  for (const role of allowed) if (principal.roles.has(role)) return;
  throw new HttpProblem('forbidden', `${what} needs one of the roles ${allowed.join(', ')}`);
}

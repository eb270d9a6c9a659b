import type { FastifyRequest } from 'fastify';
import type { Authenticator, Principal } from '#platform/access/principal.js';
import type { Role } from '#platform/kernel/command.js';
import { HttpProblem } from './refusals.js';

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
}

const ADMITTED = Symbol('admitted');
interface Noted {
  [ADMITTED]?: Admitted;
}

/** What is known of a request; undefined where it came to no operation. */
export const admittedOf = (request: FastifyRequest): Admitted | undefined => (request as Noted)[ADMITTED];

/** The one door of every operation: who is asking, and whether they may. */
export class Admission {
  constructor(private readonly authenticator: Authenticator) {}

  /**
   * Lets a request in. At once where the principal is known without waiting, as usual.
   * @throws HttpProblem unauthenticated, forbidden
   */
  admit(request: FastifyRequest, operation: Operation): Principal | Promise<Principal> {
    const admitted: Admitted = { operation: operation.name };
    (request as Noted)[ADMITTED] = admitted;
    const found = this.authenticator.authenticate(request.headers);
    if (found instanceof Promise) return found.then((principal) => this.letIn(principal, admitted, operation));
    return this.letIn(found, admitted, operation);
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

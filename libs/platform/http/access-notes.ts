import type { FastifyRequest } from 'fastify';
import type { AccessEntry, AccessLog } from '#platform/access/access-log.js';
import type { Principal } from '#platform/access/principal.js';
import { isId } from '#platform/kernel/ids.js';
import type { Sight } from './sight.js';

/** Parameters that are positions, or places of the feed, which begin with one. */
const POSITIONS: ReadonlySet<string> = new Set(['position', 'after']);
const POSITION = /^\d{1,19}(\.|$)/;
const MOST_ABOUT = 500;
const MOST_ROLES = 20;

/** What a request is about: its ids and positions. Whatever else it says may be the value of somebody. */
export function aboutOf({ params, query }: FastifyRequest): string | undefined {
  const given: string[] = [];
  for (const part of [params, query] as (Record<string, unknown> | undefined)[]) {
    for (const [name, value] of Object.entries(part ?? {})) {
      if (typeof value !== 'string') continue;
      if (isId(value)) given.push(`${name}=${value}`);
      else if (POSITIONS.has(name) && POSITION.test(value)) given.push(`${name}=${value.split('.')[0]!}`);
    }
  }
  return given.length === 0 ? undefined : given.join(' ').slice(0, MOST_ABOUT);
}

const idOf = ({ id }: FastifyRequest): string => id.slice(0, 100);

const whoOf = (principal: Principal | undefined): Pick<AccessEntry, 'actor' | 'roles'> =>
  principal ? { actor: principal.actor, roles: [...principal.roles].slice(0, MOST_ROLES) } : {};

/**
 * Notes that somebody is about to see personal values; undefined where nobody has signed in, as on one's own machine,
 * unless a reason was given.
 * @param count items in the answer
 * @returns resolves when it is stored
 * @throws AccessNotLogged when it cannot be
 */
export function noteSeen(
  log: AccessLog | undefined,
  request: FastifyRequest,
  operation: string,
  principal: Principal,
  { by, why }: Sight,
  count: number,
): Promise<void> | undefined {
  if (!log || (principal.by === 'development' && by === 'purpose')) return undefined;
  const about = aboutOf(request);
  return log.seen({ outcome: 'seen', ...whoOf(principal), operation, about, by, why, request: idOf(request), count });
}

/** Notes that somebody was not let in, or not to something. */
export function noteDenied(
  log: AccessLog,
  request: FastifyRequest,
  operation: string,
  principal: Principal | undefined,
  status: number,
  count = 1,
): void {
  const outcome = status === 401 ? 'unauthenticated' : 'forbidden';
  log.denied({ outcome, ...whoOf(principal), operation, about: aboutOf(request), request: idOf(request), count });
}

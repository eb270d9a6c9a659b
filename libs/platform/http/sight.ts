import type { IncomingHttpHeaders } from 'node:http';
import { maskOf, personalFieldsOf, type Mask } from '#platform/access/masking.js';
import type { Principal } from '#platform/access/principal.js';
import { ENVELOPE_TEXTS } from '#platform/command-handling/command-message.js';
import type { Role } from '#platform/kernel/command.js';
import type { QueryDefinition } from '#platform/projections/definition/query.js';
import { headerText } from './header-text.js';
import { HttpProblem } from './refusals.js';

/** Who may reveal personal values, one request at a time, saying why. */
export const MAY_REVEAL: readonly Role[] = ['auditor', 'privacy', 'admin'];
/** Characters of the reason at most. */
export const MOST_REASON = ENVELOPE_TEXTS.reason;

/** What lets somebody see personal values in clear. */
export interface Sight {
  /** The reason given, or what its key or token is for. */
  readonly why: string;
  readonly by: 'reveal' | 'purpose';
}

/**
 * Whether a request may see personal values: those may whose key or token carries a purpose, and those who have a role
 * for it and give a reason. Undefined: they are masked.
 * @throws HttpProblem forbidden for a `Yad-Reveal` of who may not; InvalidRequest for one that is no reason
 */
export function sightOf({ roles, personalDataFor }: Principal, headers: IncomingHttpHeaders): Sight | undefined {
  const reason = headerText(headers, 'yad-reveal', 'Yad-Reveal', MOST_REASON);
  if (reason === undefined) return personalDataFor === undefined ? undefined : { why: personalDataFor, by: 'purpose' };
  if (personalDataFor === undefined && !MAY_REVEAL.some((role) => roles.has(role))) {
    throw new HttpProblem('forbidden', `Yad-Reveal needs one of the roles ${MAY_REVEAL.join(', ')}`);
  }
  return { why: reason, by: 'reveal' };
}

/** What is personal in the answers of an operation, found out once from its schema. */
export class PersonalAnswer {
  /** Personal values may be in an answer: whoever sees them in clear is noted. */
  readonly isPersonal: boolean;
  private readonly mask: Mask | undefined;
  private readonly named: ReadonlySet<string>;

  constructor({
    answer,
    personal = 'declared',
  }: Pick<QueryDefinition, 'answer'> & Partial<Pick<QueryDefinition, 'personal'>>) {
    this.mask = maskOf(answer);
    this.isPersonal = this.mask !== undefined || personal === 'untyped';
    this.named = new Set(personalFieldsOf(answer));
  }

  /** The answer, or one item of it, for those who may not see. */
  masked(value: unknown): unknown {
    return this.mask ? this.mask(value) : value;
  }

  /**
   * Who is not shown a value may not ask for it either: which of several answers comes first, or comes at all, would tell
   * it bit by bit.
   * @throws HttpProblem forbidden where a filter is named as a personal field, or a list is sorted by one
   */
  refuseAsking(parameters: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(parameters)) {
      if (value === undefined) continue;
      if (this.named.has(name)) throw unseen(name);
      if (name === 'sort' && this.named.has(value as string)) throw unseen(`sort=${value as string}`);
    }
  }
}

/** How somebody gets to see, in words. */
const HOW_TO_SEE = `a key with a purpose does, and one of the roles ${MAY_REVEAL.join(', ')} with Yad-Reveal: <reason>`;

const unseen = (what: string): HttpProblem =>
  new HttpProblem('forbidden', `${what} asks about personal values, which the sender does not see: ${HOW_TO_SEE}`);

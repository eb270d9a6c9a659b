import { Controller, Get, Inject, Req, Res, type Type } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { busQueryOf } from '#platform/cqrs/buses.js';
import type { Clock } from '#platform/kernel/clock.js';
import { InvalidInput } from '#platform/kernel/errors.js';
import { pointer } from '#platform/kernel/json-pointer.js';
import { Position } from '#platform/kernel/position.js';
import { findUnsafeInput } from '#platform/kernel/unsafe-input.js';
import { issuesOf, strict } from '#platform/kernel/validation.js';
import type { Freshness } from '#platform/projections/queries/freshness.js';
import type { QueryBudget } from '#platform/projections/queries/query-budget.js';
import {
  HeavyNeeded,
  type Page,
  type QueryContext,
  type QueryDefinition,
  type QuerySource,
} from '#platform/projections/definition/query.js';
import { isToken, type AsOf } from '#platform/projections/as-of/as-of.js';
import { SnapshotUnderWay, hasChanged, type PastReads } from '#platform/projections/as-of/past-reads.js';
import { pointFor, pointOfAnswer, type Point } from '#platform/projections/as-of/point.js';
import type { Principal } from '#platform/access/principal.js';
import type { Admission } from './admission.js';
import type { Cursors } from './cursors.js';
import { HttpProblem, InvalidRequest, sendProblem, type Place } from './problem.js';
import { PersonalAnswer, sightOf } from './sight.js';
import { ADMISSION, QUERY_PARTS } from './tokens.js';
import { waitMsOf } from './prefer.js';
import { sayUnderWay } from './under-way.js';

/** What queries are answered with. */
export interface QueryParts {
  /** Absent where all queries ask the log. */
  readonly read?: QuerySource;
  readonly freshness: Freshness;
  readonly cursors: Cursors;
  readonly asOf: AsOf;
  /** Where read models of the past are read; absent where they are not served. */
  readonly past?: PastReads;
  readonly clock: Clock;
  /** How long `minPosition` is waited for. */
  readonly timeoutMs: number;
  /** Of the process: how many heavy queries it runs at once. */
  readonly budget: QueryBudget;
}

interface Shell {
  bus: QueryBus;
  admission: Admission;
  parts: QueryParts;
}

/** A controller with one GET route for each query of the registry. */
export function queryController(definitions: readonly QueryDefinition[]): Type {
  class Queries implements Shell {
    constructor(
      readonly bus: QueryBus,
      readonly admission: Admission,
      readonly parts: QueryParts,
    ) {}
  }
  Controller()(Queries);
  [QueryBus, ADMISSION, QUERY_PARTS].forEach((token, i) => Inject(token)(Queries, undefined as any, i));
  for (const definition of definitions) {
    const { prototype } = Queries;
    const { name } = definition;
    Object.defineProperty(prototype, name, { value: handlerOf(definition), writable: true, configurable: true });
    Get(definition.path)(prototype, name, Object.getOwnPropertyDescriptor(prototype, name)!);
    Req()(prototype, name, 0);
    Res()(prototype, name, 1);
  }
  return Queries;
}

function handlerOf(definition: QueryDefinition) {
  const parse = parserOf(definition);
  const BusMessage = busQueryOf(definition);
  const personal = new PersonalAnswer(definition);
  const shown = (data: unknown): unknown =>
    definition.paged ? (data as unknown[]).map((item) => personal.masked(item)) : personal.masked(data);
  return async function (this: Shell, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    try {
      const { freshness, cursors, asOf, timeoutMs } = this.parts;
      const principal = await this.admission.admit(request, definition, reply);
      const sight = personal.isPersonal ? sightOf(principal, request.headers) : undefined;
      const isMasked = personal.isPersonal && !sight;
      const { parameters, minPosition, cursor, point: named, isCurrent } = parse(request);
      if (isMasked) personal.refuseAsking(parameters);
      const after = cursor === undefined ? undefined : await cursors.open(definition.name, parameters, cursor);
      const least = minPosition === undefined ? 0n : await freshness.waitFor(minPosition, definition.reads, timeoutMs);
      if (least === undefined) {
        throw new HttpProblem('not-yet-there', `the read models do not hold position ${minPosition} yet`);
      }
      const pointOf = (text: string, parameter: string): Promise<Point> => asOf.point(text, parameter);
      const ask = (context: Omit<QueryContext, 'read'> & Partial<QueryContext>): Promise<unknown> =>
        this.bus.execute(new BusMessage(parameters, { after, isMasked, pointOf, ...context }) as any);
      const asker = {
        gone: whenGone(reply),
        sharer: sharerOf(principal),
        waitMs: waitMsOf(request.headers) ?? timeoutMs,
      };
      const question = { definition, parameters, ask, asker };
      const found =
        named === undefined
          ? await ofNow(question, this.parts)
          : await ofThen(question, { named, isCurrent }, this.parts);
      const position = found.position > least ? found.position : least;
      const recordedAt = await freshness.recordedAt(position);
      const { items, next } = definition.paged
        ? (found.answer as Page<unknown>)
        : { items: found.answer, next: undefined };
      const body = {
        data: isMasked ? shown(items) : items,
        freshness: {
          position: String(position),
          recordedAt,
          // Its own token again, as it may be under a key of before.
          asOf: found.token ?? (found.point && (await asOf.token(found.point))),
          incomplete: found.point || !definition.hasPast ? undefined : true,
          definition: found.isOtherDefinition ? 'current' : undefined,
        },
        next: next && (await cursors.seal(definition.name, parameters, next)),
      };
      const count = definition.paged ? (items as unknown[]).length : 1;
      // Before anybody sees them.
      if (sight) await this.admission.seen(request, definition.name, principal, sight, count);
      reply.code(200).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(body));
    } catch (error) {
      if (error instanceof SnapshotUnderWay) {
        sayUnderWay(reply, error);
        return;
      }
      // A query that refuses its own parameters does not know where in the request they were.
      const own = error instanceof InvalidInput && !(error instanceof InvalidRequest);
      sendProblem(request, reply, own ? new InvalidRequest('query', error.issues) : error);
    }
  };
}

interface Question {
  readonly definition: QueryDefinition;
  readonly parameters: Record<string, unknown>;
  readonly ask: (context: Omit<QueryContext, 'read'> & Partial<QueryContext>) => Promise<unknown>;
  readonly asker: { readonly gone: () => AbortSignal; readonly sharer: string | undefined; readonly waitMs: number };
}

interface Found {
  readonly answer: unknown;
  /** Every event up to there is in the answer. */
  readonly position: bigint;
  /** What the answer rests on; undefined where it cannot be had again. */
  readonly point: Point | undefined;
  /** Of an answer that was asked again: its own token, which may be under a key of before. */
  readonly token?: string;
  /** What made the answer of then has changed, and the code of now has made this one. */
  readonly isOtherDefinition?: boolean;
}

/** An answer as things stand: of the log through its head, or of the read models, all of it from one snapshot. */
async function ofNow(question: Question, parts: QueryParts): Promise<Found> {
  const { definition, parameters, ask } = question;
  const { asOf, clock, freshness, read, budget } = parts;
  const now = clock.now();
  if (definition.projections.length === 0) {
    // Before the answer, which ends there: it is never staler than it says.
    const position = await freshness.current([]);
    const answer = await ask({ now, through: position, isHeavy: false });
    if (!definition.hasPast) return { answer, position, point: undefined };
    return {
      answer,
      position,
      point: pointFor(definition, { ...asOf.log, now, through: position, vectors: new Map() }),
    };
  }
  return lightOrHeavy(question, budget, async (isHeavy) => {
    const measured = await freshness.measure();
    const { answer, isIncomplete, ...stand } = await read!.inSnapshot(
      definition.projections,
      isHeavy,
      (rows) => ask({ now, read: rows, isHeavy }),
      definition.about && ((rows) => definition.about!(parameters, rows)),
    );
    const position = measured(stand.checkpoints, definition.reads);
    const point = pointOfAnswer({ ...asOf.log, now, through: position }, definition, stand);
    return { answer, position, point: isIncomplete ? undefined : point };
  });
}

/** An answer as of a point of before. */
async function ofThen(
  question: Question,
  { named, isCurrent }: { readonly named: string; readonly isCurrent: boolean },
  parts: QueryParts,
): Promise<Found> {
  const { definition, parameters, ask, asker } = question;
  const { asOf, past, budget } = parts;
  const given = await asOf.point(named);
  const isOtherDefinition = isCurrent && hasChanged(given, definition);
  const isItsOwn = !isOtherDefinition && given.versions?.query?.name === definition.name;
  const point = isItsOwn ? given : pointFor(definition, isOtherDefinition ? { ...given, versions: undefined } : given);
  const { now, through } = point;
  const token = isItsOwn && isToken(named) ? named : undefined;
  const found = { position: through, point, token, isOtherDefinition };
  if (definition.projections.length === 0) {
    return { ...found, answer: await ask({ now, through, isHeavy: false }) };
  }
  if (!past) throw new HttpProblem('not-ready', 'read models of the past are not served here');
  const gone = asker.gone();
  const turn = <T>(work: () => Promise<T>): Promise<T> => budget.run(work, gone, asker.sharer);
  const { waitMs } = asker;
  const answer = await past.asOf({ query: definition, parameters, point, waitMs, gone, turn }, (read, isHeavy) =>
    ask({ now, read, isHeavy }),
  );
  return { ...found, answer };
}

/** Runs what is light as a rule at once, and in its turn what has to look at everybody. */
async function lightOrHeavy(
  { definition, asker }: Question,
  budget: QueryBudget,
  run: (isHeavy: boolean) => Promise<Found>,
): Promise<Found> {
  try {
    if (!definition.heavy) return await run(false);
  } catch (error) {
    if (!(error instanceof HeavyNeeded)) throw error;
  }
  return budget.run(() => run(true), asker.gone(), asker.sharer);
}

/** Whose share of the heavy places it is; the one of development has no bound. */
const sharerOf = ({ by, actor }: Principal): string | undefined => (by === 'development' ? undefined : actor);

/** Aborts when the client has hung up (and when it has its answer, which nobody looks at then). */
const whenGone =
  ({ raw }: FastifyReply) =>
  (): AbortSignal => {
    const gone = new AbortController();
    raw.once('close', () => gone.abort(new HttpProblem('not-ready', 'the client hung up')));
    return gone.signal;
  };

interface Parsed {
  parameters: Record<string, unknown>;
  minPosition?: bigint;
  cursor?: string;
  /** The point as it was named. */
  point?: string;
  /** What has changed since may answer by what it is now. */
  isCurrent: boolean;
}

/** Parameters that every query has from its shell. */
const SHELL = ['minPosition', 'cursor', 'asOf', 'definition'];

function parserOf(definition: QueryDefinition): (request: FastifyRequest) => Parsed {
  const { name, path, paged } = definition;
  const schema = strict(definition.parameters, name);
  const inPath = new Set(pathParameters(path));
  for (const own of SHELL) {
    if (own in schema.shape) throw new Error(`${name}: the parameter ${own} is the shell's`);
  }
  const lists = Object.keys(schema.shape).filter((key) => isA('array', schema.shape[key]));
  const numbers = Object.keys(schema.shape).filter((key) => isA('number', schema.shape[key]));
  return (request) => {
    refuseUndecodable(request.raw.url!);
    const { minPosition, cursor, asOf, definition: made, ...rest } = request.query as Record<string, string | string[]>;
    for (const key of inPath) if (key in rest) refuse(`/${key}`, 'is a parameter of the path');
    const raw: Record<string, unknown> = { ...rest, ...(request.params as object) };
    for (const key in rest) if (Array.isArray(rest[key]) && !lists.includes(key)) refuse(`/${key}`, 'is given twice');
    for (const key of lists) if (typeof raw[key] === 'string') raw[key] = [raw[key]];
    // Made a number by the schema, nothing at all would be 0, and '0x10' sixteen.
    for (const key of numbers) {
      if (typeof raw[key] === 'string' && !DECIMAL.test(raw[key])) refuse(`/${key}`, 'is not a number in digits');
    }
    if (cursor !== undefined && !paged) refuse('/cursor', 'is not a known parameter');
    if (cursor !== undefined && typeof cursor !== 'string') refuse('/cursor', 'is given twice');
    const position = positionIn(minPosition);
    for (const [own, given] of Object.entries({ asOf, definition: made })) {
      if (Array.isArray(given)) refuse(`/${own}`, 'is given twice');
    }
    if (asOf !== undefined && !definition.hasPast) refuse('/asOf', 'has no meaning here: this is not made of the log');
    if (asOf !== undefined && position !== undefined) refuse('/minPosition', 'asOf says already what is asked for');
    if (made !== undefined && made !== 'current') refuse('/definition', "is not 'current'");
    if (made !== undefined && asOf === undefined) refuse('/definition', 'says something with asOf only');
    const parsed = schema.safeParse(raw);
    const hostile = findUnsafeInput(raw);
    if (hostile || !parsed.success) {
      const issues = hostile ? [hostile] : issuesOf(parsed.error!);
      const place: Place = issues.every(({ pointer }) => inPath.has(pointer.split('/')[1]!)) ? 'path' : 'query';
      throw new InvalidRequest(place, issues);
    }
    return {
      parameters: parsed.data,
      minPosition: position,
      cursor: cursor as string | undefined,
      point: asOf as string | undefined,
      isCurrent: made === 'current',
    };
  };
}

function refuse(pointer: string, message: string): never {
  throw new InvalidRequest('query', [{ pointer, message }]);
}

/** The parameter `minPosition`. @throws InvalidRequest */
export function positionIn(given: string | string[] | undefined): bigint | undefined {
  if (given === undefined) return undefined;
  if (Array.isArray(given)) refuse('/minPosition', 'is given twice');
  const parsed = Position.safeParse(given);
  if (!parsed.success) refuse('/minPosition', parsed.error.issues[0]!.message);
  return BigInt(parsed.data);
}

/** The names of the parameters in a route's path. */
export const pathParameters = (path: string): string[] => [...path.matchAll(/:(\w+)/g)].map((match) => match[1]!);

function isA(type: 'array' | 'number', schema: z.core.$ZodType): boolean {
  const def = schema._zod.def as any;
  if (def.type === type) return true;
  const inner = def.innerType ?? (def.type === 'pipe' ? def.in : undefined);
  return inner ? isA(type, inner) : false;
}

const DECIMAL = /^-?\d+(\.\d+)?$/;

/**
 * What cannot be decoded would be looked for as it stands, percent signs and all, and not be found.
 * @throws InvalidRequest naming the parameter
 */
export function refuseUndecodable(url: string): void {
  const from = url.indexOf('?');
  if (from < 0 || !url.includes('%', from)) return;
  for (const part of url.slice(from + 1).split('&')) {
    try {
      decodeURIComponent(part);
    } catch {
      const name = part.split('=')[0]!;
      refuse(pointer([/^[\w-]+$/.test(name) ? name : '']), 'is not percent-encoded UTF-8');
    }
  }
}

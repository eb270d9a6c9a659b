import { Controller, Delete, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { InvalidInput } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { issuesOf } from '#platform/kernel/validation.js';
import type { AsOf } from '#platform/projections/as-of/as-of.js';
import { failureOf } from '#platform/projections/snapshots/refusals.js';
import { isUnderWay, type Snapshot } from '#platform/projections/snapshots/snapshot.js';
import type { Snapshots } from '#platform/projections/snapshots/snapshots.js';
import type { Admission, Operation } from './admission.js';
import { waitMsOf } from './prefer.js';
import { InvalidRequest, sendProblem } from './problem.js';
import { refuseUndecodable } from './query-routes.js';
import { answerOf, MAY_LOOK, MAY_MAKE, MOST_LISTED, SnapshotWanted } from './snapshot-shape.js';
import { ADMISSION, SNAPSHOTS } from './tokens.js';

/** Snapshots, and how points are told. */
export interface SnapshotParts {
  readonly snapshots: Pick<Snapshots, 'request' | 'wait' | 'show' | 'list' | 'remove'>;
  readonly points: Pick<AsOf, 'point' | 'head'>;
}

const MAKE: Operation = { name: 'MakeSnapshot', allowed: MAY_MAKE };
const LIST: Operation = { name: 'Snapshots', allowed: MAY_LOOK };
const SHOW: Operation = { name: 'Snapshot', allowed: MAY_LOOK };
const DROP: Operation = { name: 'DropSnapshot', allowed: MAY_MAKE };

const ListParameters = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,3}$/, { error: 'is not a whole number' })
    .transform(Number)
    .refine((count) => count >= 1 && count <= MOST_LISTED, { error: `is not from 1 to ${MOST_LISTED}` })
    .default(50),
  cursor: Id.optional(),
});

/** `/v1/snapshots`: the read models as of points are made, looked at, cancelled and dropped. They show no rows. */
@Controller()
export class SnapshotsController {
  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    @Inject(SNAPSHOTS) private readonly parts: SnapshotParts,
  ) {}

  @Post('/v1/snapshots')
  async make(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await answer(request, reply, async () => {
      const { actor } = await this.admission.admit(request, MAKE, reply);
      const parsed = SnapshotWanted.safeParse(request.body ?? {});
      if (!parsed.success) throw new InvalidInput(issuesOf(parsed.error));
      const { name, asOf, projections = [], keepUntil } = parsed.data;
      const { snapshots, points } = this.parts;
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const point = asOf === undefined ? await points.head() : await points.point(asOf);
      const wanted = { by: actor, name, keepUntil: keepUntil === undefined ? undefined : new Date(keepUntil) };
      const { id } = await snapshots.request(point, projections, wanted);
      const found = await snapshots.wait(id, waitMsOf(request.headers) ?? 0, gone.signal);
      reply.header('location', `/v1/snapshots/${id}`);
      if (isUnderWay(found)) send(reply.header('retry-after', '1'), 202, answerOf(found));
      else if (found.status === 'ready') send(reply, 201, answerOf(found));
      else throw failureOf(found);
    });
  }

  @Get('/v1/snapshots')
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await answer(request, reply, async () => {
      await this.admission.admit(request, LIST, reply);
      refuseUndecodable(request.raw.url!);
      const parsed = ListParameters.safeParse(request.query);
      if (!parsed.success) throw new InvalidRequest('query', issuesOf(parsed.error));
      const { limit, cursor } = parsed.data;
      const found = await this.parts.snapshots.list(limit + 1, cursor);
      const page = found.slice(0, limit);
      const next = found.length > limit ? page.at(-1)!.id : undefined;
      send(reply, 200, { data: page.map(answerOf), next });
    });
  }

  @Get('/v1/snapshots/:id')
  async show(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.about(SHOW, id, request, reply, () => this.parts.snapshots.show(id));
  }

  @Delete('/v1/snapshots/:id')
  async drop(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.about(DROP, id, request, reply, (actor) => this.parts.snapshots.remove(id, actor));
  }

  private about(
    operation: Operation,
    id: string,
    request: FastifyRequest,
    reply: FastifyReply,
    work: (actor: string) => Promise<Snapshot>,
  ): Promise<void> {
    return answer(request, reply, async () => {
      const { actor } = await this.admission.admit(request, operation, reply);
      const parsed = Id.safeParse(id);
      if (!parsed.success)
        throw new InvalidRequest('path', [{ pointer: '/id', message: issuesOf(parsed.error)[0]!.message }]);
      send(reply, 200, answerOf(await work(actor)));
    });
  }
}

async function answer(request: FastifyRequest, reply: FastifyReply, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    sendProblem(request, reply, error);
  }
}

const send = (reply: FastifyReply, status: number, body: unknown): void =>
  void reply.code(status).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(body));

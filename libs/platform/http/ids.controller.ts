import { Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Role } from '#platform/kernel/command.js';
import { InvalidInput } from '#platform/kernel/errors.js';
import type { SecretIds } from '#platform/kernel/ids.js';
import type { Admission } from './admission.js';
import { WordLists } from './derived-ids.js';
import { sendProblem } from './problem.js';
import { ADMISSION, NATURAL_IDS } from './tokens.js';
import { issuesOf } from '#platform/kernel/validation.js';

/** Who may ask: those who may register what the ids are then of. To readers an id tells nobody whose it is. */
export const MAY_DERIVE: readonly Role[] = ['service', 'admin'];

/**
 * `POST /v1/ids`: the ids that belong to natural keys on this log. The words may tell of a person; they are neither
 * kept nor logged, and no answer repeats them.
 */
@Controller()
export class IdsController {
  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    @Inject(NATURAL_IDS) private readonly ids: SecretIds,
  ) {}

  @Post('/v1/ids')
  async derive(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    try {
      await this.admission.admit(request, { name: 'DeriveIds', allowed: MAY_DERIVE }, reply);
      const parsed = WordLists.safeParse(request.body ?? {});
      if (!parsed.success) throw new InvalidInput(issuesOf(parsed.error));
      const ids = parsed.data.words.map((words) => this.ids.id(...words));
      reply.code(200).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify({ ids }));
    } catch (error) {
      sendProblem(request, reply, error);
    }
  }
}

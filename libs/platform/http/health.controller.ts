import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpProblem, sendProblem } from './problem.js';
import { READINESS } from './tokens.js';

/** Checks by name; one that rejects says why the service is not ready, a text that it resolves to is shown. */
export type ReadinessChecks = Readonly<Record<string, () => Promise<unknown>>>;

const TIMEOUT_MS = 2000;

/** `GET /health/live`: the process turns; `GET /health/ready`: it can serve. */
@Controller('health')
export class HealthController {
  constructor(@Inject(READINESS) private readonly checks: ReadinessChecks) {}

  @Get('live')
  live(): { status: string } {
    return { status: 'ok' };
  }

  @Get('ready')
  async ready(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const checks: Record<string, string> = {};
    const rejected = new Set<string>();
    await Promise.all(
      Object.entries(this.checks).map(async ([name, check]) => {
        checks[name] = await inTime(check()).then(
          (note) => (typeof note === 'string' && note !== '' ? `ok; ${note}` : 'ok'),
          (error: unknown) => {
            rejected.add(name);
            return error instanceof Error ? error.message : String(error);
          },
        );
      }),
    );
    const failed = Object.keys(this.checks).filter((name) => rejected.has(name));
    if (failed.length === 0) {
      reply
        .code(200)
        .header('content-type', 'application/json; charset=utf-8')
        .send(JSON.stringify({ status: 'ok', checks }));
      return;
    }
    const detail = failed.map((name) => `${name}: ${checks[name]}`).join('; ');
    sendProblem(request, reply, new HttpProblem('not-ready', detail));
  }
}

/** @throws Error where a check says nothing within its time */
export function inTime<T>(check: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  return Promise.race([check, late]).finally(() => clearTimeout(timer));
}

import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { METRICS } from './tokens.js';

/** What a process tells those who watch it, as text. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** `GET /metrics`, for Prometheus. Open as health is: it holds counts and durations, and no name but ours. */
@Controller()
export class MetricsController {
  constructor(@Inject(METRICS) private readonly metrics: MetricsText) {}

  @Get('metrics')
  async metricsText(@Res() reply: FastifyReply): Promise<void> {
    reply
      .code(200)
      .header('content-type', this.metrics.contentType)
      .send(await this.metrics.text());
  }
}

import { z } from 'zod';
import { Position } from './position.js';

/** The type of the message by which the topic tells a fork. It is no event of the log: no position, no customer, no key. */
export const LOG_FORKED = 'yad.log.forked';

/** What it tells. */
export const LogForked = z.strictObject({
  incarnation: z.int().min(2).describe('The incarnation of the log that began.'),
  incarnationId: z.uuid(),
  forkedAt: Position.describe(
    'The last position that is still in the log. What a consumer holds above it and below `beginsAt` is lost.',
  ),
  beginsAt: Position.describe('The first position that the log gives from now on.'),
});
export type LogForked = z.infer<typeof LogForked>;

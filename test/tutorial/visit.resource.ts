import { z } from 'zod';
import { Code } from '#contracts/terms.js';
import { Id } from '#platform/kernel/ids.js';
import { resource } from '#platform/kernel/resource.js';
import { Visit } from './visit.aggregate.js';

export const visit = resource({
  name: 'GetVisit',
  summary: 'A visit as it stands',
  on: Visit,
  route: 'GET /v1/visits/:id',
  about: 'A customer who came to a shop.',
  answer: z.strictObject({ id: Id, contact: Id, shop: Code }).meta({ id: 'Visit' }),
  read: () => ({ on: [], show: ({ contact, shop }, { id }) => ({ id, contact, shop }) }),
});

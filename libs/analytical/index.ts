import type { Projection } from '#platform/projections/definition/projection.js';
import { isQuery, type QueryDefinition } from '#platform/projections/definition/query.js';
import * as questions from './questions.js';

/** Every question that the read models answer. */
export const queries: QueryDefinition[] = Object.values<unknown>(questions).filter(isQuery);

/** Every read model: whatever a question reads. */
export const projections: Projection[] = [...new Set(queries.flatMap((query) => query.projections))];

import type { Projection } from '#platform/projections/definition/projection.js';
import { isQuery, type QueryDefinition } from '#platform/projections/definition/query.js';
import * as questions from './questions.js';

/** The queries among what files of queries export, and the read models that they read. */
export function readModelsOf(exported: object): { queries: QueryDefinition[]; projections: Projection[] } {
  const queries = Object.values<unknown>({ ...exported }).filter(isQuery);
  return { queries, projections: [...new Set(queries.flatMap((query) => query.projections))] };
}

/** Every question that the read models answer, and every read model: whatever a question reads. */
export const { queries, projections } = readModelsOf(questions);

import { z } from 'zod';
import { Day, Instant } from '#platform/kernel/calendar.js';
import { InvalidInput } from '#platform/kernel/errors.js';
import type { Page } from '#platform/projections/definition/query.js';

/** Size of a page. */
export const limit = z.coerce.number().int().min(1).max(1000).default(100).describe('Items in one page');

/** A span of days. */
export const days = {
  from: Day.optional().describe('First day, inclusive'),
  to: Day.optional().describe('Day after the last: exclusive'),
};

/** A span of time. */
export const instants = {
  from: Instant.optional().describe('Inclusive'),
  to: Instant.optional().describe('Exclusive'),
};

/** @throws InvalidInput when a span ends before it starts: a mistake that would look like an empty answer. */
export function spanRises({ from, to }: { from?: string; to?: string }): void {
  if (from !== undefined && to !== undefined && Date.parse(from) > Date.parse(to)) {
    throw new InvalidInput([{ pointer: '/to', message: 'is before from' }]);
  }
}

/** The page of rows that were asked for with one more than the limit. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  size: number,
  item: (row: Row) => Item,
  keyset: (row: Row) => readonly (string | number)[],
): Page<Item> {
  const shown = rows.slice(0, size);
  return { items: shown.map(item), next: rows.length > size ? keyset(shown.at(-1)!) : undefined };
}

/** Conditions of a statement and their parameters, numbered as they come. */
export class Conditions {
  readonly parameters: unknown[];
  private readonly parts: string[] = [];

  constructor(...parameters: unknown[]) {
    this.parameters = parameters;
  }

  /** Adds a parameter and gives its `$n`. */
  parameter(value: unknown): string {
    return `$${this.parameters.push(value)}`;
  }

  /** Adds the condition when the value is given; `condition` gets the value's `$n`. */
  when(value: unknown, condition: (parameter: string) => string): this {
    if (value !== undefined) this.parts.push(condition(this.parameter(value)));
    return this;
  }

  /** All of them, as an SQL expression. */
  get sql(): string {
    return this.parts.length === 0 ? 'true' : this.parts.join(' and ');
  }
}

import { erased, isErased, type Erased } from '#platform/kernel/erased.js';
import type { TableClass } from './projection.js';

const declared = new WeakMap<object, Set<string>>();

/**
 * Declares that a column of a read model holds personal values: of type `text`, `json` or `jsonb`, beside TypeORM's
 * `@Column`. Values of personal fields go to such columns only, so that a purge knows where to look. Its property is the
 * value or `erased`; a text column is for single lines, which hold no control character.
 */
export const Personal = (): PropertyDecorator => (prototype, property) => {
  const columns = declared.get(prototype.constructor) ?? new Set();
  declared.set(prototype.constructor, columns.add(String(property)));
};

/** The properties of a table that are declared personal. */
export const personalColumnsOf = (table: TableClass): ReadonlySet<string> => declared.get(table) ?? new Set();

/**
 * How an erased value stands in a text column: nothing that anybody can enter there, as it begins with a control
 * character (SUBSTITUTE). It sorts like the word.
 */
export const ERASED_TEXT = '\u001Aerased';

/** A personal text as its column has it. */
export const textOf = (value: string | Erased): string => (isErased(value) ? ERASED_TEXT : value);

/** What a column's text stands for. */
export const personalOf = (text: string): string | Erased => (text === ERASED_TEXT ? erased : text);

import { erased, isErased, type Erased } from '#platform/kernel/erased.js';

/**
 * How an erased value stands in a text column: nothing that anybody can enter there, as it begins with a control
 * character (SUBSTITUTE). It sorts like the word.
 */
export const ERASED_TEXT = '\u001Aerased';

/** A personal text as its column has it. */
export const textOf = (value: string | Erased): string => (isErased(value) ? ERASED_TEXT : value);

/** What a column's text stands for. */
export const personalOf = (text: string): string | Erased => (text === ERASED_TEXT ? erased : text);

import { z } from 'zod';
import { Instant, instantOf, TimeZone } from '#platform/kernel/calendar.js';
import { derivedId } from '#platform/kernel/ids.js';

/** One line of the file: its number (the header is line 1) and its cells by column. */
export interface SourceLine {
  number: number;
  cells: Record<string, string>;
}

/** Tells which cell cannot be turned into what the mapping asks for. */
export class CellError extends Error {
  constructor(
    readonly column: string,
    message: string,
  ) {
    super(`column ${column}: ${message}`);
  }
}

/**
 * Where a value comes from: `{ "$column": "Quantity", "$as": "integer" }`, a text with cells `{ "$text": "{A}-{B}" }`,
 * the id of a natural key `{ "$id": ["customer", { "$column": "CustomerID" }] }`, a list made of the group's lines
 * `{ "$each": { … } }`; any other object, list or value stands for itself. An empty cell is an absent field. Outside
 * of `$each` all lines of a group must say the same, unless `"$first": true` says that the first one's word counts.
 */
export type Expression = unknown;

const When = z.record(
  z.string(),
  z.union([
    z.strictObject({ empty: z.boolean() }),
    z.strictObject({ matches: z.string() }),
    z.strictObject({ matchesNot: z.string() }),
  ]),
);

export const Mapping = z.strictObject({
  $schema: z.string().optional(),
  /** Part of every natural key: two mappings with one name speak of the same things. */
  name: z.string().min(1).max(64),
  description: z.string().optional(),
  zone: TimeZone.default('UTC'),
  delimiter: z.string().length(1).default(','),
  /** Lines with the same cells here are one group, e.g. an invoice. Without it each line is one. */
  groupBy: z.array(z.string()).min(1).optional(),
  /** A group ends when none of its lines has come for so many lines. */
  groupWithin: z.int().min(1).max(1_000_000).default(10_000),
  /** Groups with the same cells here are sent in the order of the file; others side by side. */
  inOrderBy: z.array(z.string()).min(1).optional(),
  commands: z
    .array(
      z.strictObject({
        command: z.string().optional(),
        when: When.default({}),
        /** The natural key: the command is sent once for each, however often it comes. */
        key: z.unknown(),
        occurredAt: z.unknown().optional(),
        id: z.unknown().optional(),
        input: z.record(z.string(), z.unknown()),
      }),
    )
    .min(1),
});
export type Mapping = z.infer<typeof Mapping>;

/** A command that a group of lines stands for. */
export interface MappedCommand {
  command: string;
  key: string;
  id?: string;
  occurredAt?: string;
  input: Record<string, unknown>;
}

/** The commands of a group of lines. `as` names the command where the mapping does not. */
export function commandsOf(mapping: Mapping, as: string | undefined, lines: readonly SourceLine[]): MappedCommand[] {
  const first = lines[0]!;
  const found: MappedCommand[] = [];
  for (const rule of mapping.commands) {
    if (!holds(rule.when, first)) continue;
    const command = rule.command ?? as;
    if (!command) throw new Error('the mapping names no command: say it with --as');
    const valueOf = (expression: Expression): unknown => evaluate(mapping, expression, first, lines);
    const key = valueOf(rule.key);
    if (key === undefined) throw new CellError(JSON.stringify(rule.key), 'the natural key is empty');
    found.push({
      command,
      key: derivedId('import', mapping.name, command, String(key)),
      id: valueOf(rule.id) as string | undefined,
      occurredAt: valueOf(rule.occurredAt) as string | undefined,
      input: valueOf(rule.input) as Record<string, unknown>,
    });
  }
  return found;
}

function holds(when: z.infer<typeof When>, line: SourceLine): boolean {
  return Object.entries(when).every(([column, condition]) => {
    const cell = cellOf(line, column);
    if ('empty' in condition) return (cell === '') === condition.empty;
    if ('matches' in condition) return pattern(condition.matches).test(cell);
    return !pattern(condition.matchesNot).test(cell);
  });
}

const patterns = new Map<string, RegExp>();
function pattern(source: string): RegExp {
  let found = patterns.get(source);
  if (!found) patterns.set(source, (found = new RegExp(source, 'u')));
  return found;
}

function cellOf(line: SourceLine, column: string): string {
  const cell = line.cells[column];
  if (cell === undefined) throw new CellError(column, 'the file has no such column');
  return cell;
}

function evaluate(mapping: Mapping, expression: Expression, line: SourceLine, lines: readonly SourceLine[]): unknown {
  if (expression === null || typeof expression !== 'object') return expression;
  if (Array.isArray(expression)) return expression.map((item) => evaluate(mapping, item, line, lines));
  const given = expression as Record<string, any>;
  if ('$column' in given) return column(mapping, given, line, lines);
  if ('$text' in given) return template(given, line, lines);
  if ('$id' in given) {
    const words = (given['$id'] as Expression[]).map((word) => evaluate(mapping, word, line, lines));
    if (words.some((word) => word === undefined)) return undefined;
    return derivedId(mapping.name, ...words.map(String));
  }
  if ('$each' in given) return lines.map((each) => evaluate(mapping, given['$each'], each, [each]));
  const made: Record<string, unknown> = {};
  for (const name in given) {
    const value = evaluate(mapping, given[name], line, lines);
    if (value !== undefined) made[name] = value;
  }
  return made;
}

/** The cell of a line, with which the other lines of its group agree. */
function agreedCell(given: Record<string, any>, name: string, line: SourceLine, lines: readonly SourceLine[]): string {
  const cell = cellOf(line, name).trim();
  if (given['$first'] === true) return cell;
  for (const other of lines) {
    const differs = cellOf(other, name).trim();
    if (differs !== cell) {
      throw new CellError(name, `is '${cell}' and, in line ${other.number} of the same group, '${differs}'`);
    }
  }
  return cell;
}

function template(given: Record<string, any>, line: SourceLine, lines: readonly SourceLine[]): string | undefined {
  let missing = false;
  const filled = (given['$text'] as string).replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    const cell = agreedCell(given, name, line, lines);
    if (cell === '') missing = true;
    return cell;
  });
  return missing ? undefined : filled;
}

function column(mapping: Mapping, given: Record<string, any>, line: SourceLine, lines: readonly SourceLine[]): unknown {
  const name = given['$column'] as string;
  let cell = agreedCell(given, name, line, lines);
  if (cell === '') return given['$default'];
  if (given['$take']) {
    const match = pattern(given['$take'] as string).exec(cell);
    if (!match) throw new CellError(name, `'${cell}' does not match ${given['$take'] as string}`);
    cell = match[1] ?? match[0];
  }
  return (CONVERT[(given['$as'] as string | undefined) ?? 'text'] ?? unknownKind)(cell, name, mapping.zone);
}

const CONVERT: Record<string, (cell: string, column: string, zone: string) => unknown> = {
  text: (cell) => cell,
  integer: (cell, column) => {
    if (!/^[+-]?\d{1,15}$/.test(cell)) throw new CellError(column, `'${cell}' is not a whole number`);
    return Number(cell);
  },
  decimal: (cell, column) => {
    if (!/^[+-]?\d+(\.\d*)?$/.test(cell)) throw new CellError(column, `'${cell}' is not a decimal number`);
    return cell.replace(/^\+/, '').replace(/\.$/, '');
  },
  boolean: (cell, column) => {
    if (/^(true|yes|1|t|y)$/i.test(cell)) return true;
    if (/^(false|no|0|f|n)$/i.test(cell)) return false;
    throw new CellError(column, `'${cell}' is neither yes nor no`);
  },
  instant: (cell, column, zone) => {
    const text = cell.replace(' ', 'T');
    if (/(Z|[+-]\d\d:\d\d)$/.test(text)) {
      // Date would roll 30 February over to March.
      if (Instant.safeParse(text).success) return new Date(text).toISOString();
    } else if (/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?)?$/.test(text)) {
      try {
        return instantOf(text.length === 10 ? `${text}T00:00:00` : text, zone).toISOString();
      } catch {
        // Of the right form, but no day or time of the calendar.
      }
    }
    throw new CellError(column, `'${cell}' is not a date and time such as 2011-12-09 12:50:00`);
  },
};

const unknownKind = (): never => {
  throw new Error(`a mapping's $as is one of ${Object.keys(CONVERT).join(', ')}`);
};

import { hash } from 'node:crypto';
import { z } from 'zod';
import { Instant, instantOf, TimeZone } from '#platform/kernel/calendar.js';
import { MAX_WORD_LENGTH } from '#platform/http/derived-ids.js';
import { derivedId } from '#platform/kernel/ids.js';

/** One row of the file: the number of its first line (the header is line 1) and its cells by column. */
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
 * the id of a natural key `{ "$id": ["customer", { "$column": "CustomerID" }] }`, which the server derives under its log's
 * secret from the mapping's name and these words, a list made of the group's lines `{ "$each": { … } }`; any other object,
 * list or value stands for itself.
 *
 * White space around a cell is not part of it. An empty cell is an absent value, and an object or a list whose cells
 * are all empty is absent too: `"points": [{ "reach": { "kind": "phone", "number": { "$column": "Phone" } } }]` is no
 * point where there is no phone. The input itself, and what `$each` makes of a line, are never absent.
 *
 * Outside of `$each` all lines of a group must say the same, and all groups of one natural key; `"$first": true` says
 * that the word of the first one counts, also where that one came with an earlier file.
 */
export type Expression = unknown;

const Pattern = z.string().refine(isPattern, { error: 'is not a regular expression' });

const When = z.record(
  z.string(),
  z.union([
    z.strictObject({ empty: z.boolean() }),
    z.strictObject({ matches: Pattern }),
    z.strictObject({ matchesNot: Pattern }),
  ]),
);

export const Mapping = z.strictObject({
  $schema: z.string().optional(),
  /** Part of every natural key: two mappings with one name speak of the same things. */
  name: z.string().min(1).max(64),
  description: z.string().optional(),
  zone: TimeZone.default('UTC'),
  delimiter: z
    .string()
    .length(1)
    .regex(/[^"\r\n]/, { error: 'is a quote or a line end' })
    .default(','),
  /** By TextDecoder's names: `utf-8`, `windows-1252`, `gbk`, `utf-16le` … A byte order mark overrides it. */
  encoding: z.string().refine(isEncoding, { error: 'is no encoding that TextDecoder knows' }).default('utf-8'),
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

function isPattern(source: string): boolean {
  try {
    return new RegExp(source, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

function isEncoding(label: string): boolean {
  try {
    return new TextDecoder(label) instanceof TextDecoder;
  } catch {
    return false;
  }
}

/** A command that a group of lines stands for. */
export interface MappedCommand {
  command: string;
  key: string;
  id?: string;
  occurredAt?: string;
  input: Record<string, unknown>;
}

/** A command with its input as JSON, and a print by which another of the same key is known to say the same. */
export interface PrintedCommand extends MappedCommand {
  /** The natural key, of the mapping and the command. */
  thing: string;
  inputText: string;
  print: string;
  /** Under this key only what the first one has the word in may be otherwise. */
  firstCounts: boolean;
}

type Rule = Mapping['commands'][number];

/** The ids that belong to lists of words, by the list as JSON. */
export type Ids = ReadonlyMap<string, string>;

/**
 * Adds the words of every `$id` that the commands of a group of lines need to `words`, each list as JSON. Where a cell
 * cannot be read it ends there, as `commandsOf` then does, which says so.
 */
export function addIdWords(mapping: Mapping, lines: readonly SourceLine[], words: Set<string>): void {
  const source: Source = { mapping, line: lines[0]!, lines, withoutFirst: false, ids: new Map() };
  try {
    for (const rule of mapping.commands) {
      const { all } = compiledParts(rule);
      if (!all.addWords || !holds(rule.when, lines)) continue;
      all.addWords(source, words);
    }
  } catch (error) {
    if (!(error instanceof CellError)) throw error;
  }
}

/**
 * The commands of a group of lines. `as` names the command where the mapping does not.
 * @param ids of all words that `addIdWords` gives for these lines
 * @throws CellError where a cell cannot be what the mapping makes of it
 */
export function commandsOf(
  mapping: Mapping,
  as: string | undefined,
  lines: readonly SourceLine[],
  ids: Ids,
): PrintedCommand[] {
  const found: PrintedCommand[] = [];
  for (const rule of mapping.commands) {
    if (!holds(rule.when, lines)) continue;
    const command = rule.command ?? as;
    if (!command) throw new Error('the mapping names no command: say it with --as');
    const parts = compiledParts(rule);
    const source: Source = { mapping, line: lines[0]!, lines, withoutFirst: false, ids };
    const key = keyOf(parts, source);
    if (key === undefined) throw new CellError(JSON.stringify(rule.key), 'the natural key is empty');
    // A plain hash, for it goes no further than the server, which keeps what it makes of it under its secret.
    const thing = derivedId('import', mapping.name, command, key);
    const made: MappedCommand = {
      command,
      key: thing,
      id: parts.id.of(source) as string | undefined,
      occurredAt: parts.occurredAt.of(source) as string | undefined,
      // The input is there also when nothing is in it.
      input: (parts.input.of(source) ?? {}) as Record<string, unknown>,
    };
    const inputText = JSON.stringify(made.input);
    const print = printOf(parts, made, inputText, source);
    const firstCounts = parts.id.first || parts.occurredAt.first || parts.input.first;
    // The server holds all of a command against its key. So that it can say of another date under the key that the
    // first one's counts, and nothing else, all that must not differ goes into the key.
    if (firstCounts) made.key = derivedId(thing, print);
    found.push({ ...made, thing, inputText, print, firstCounts });
  }
  return found;
}

/** What an expression is evaluated on. */
interface Source {
  mapping: Mapping;
  line: SourceLine;
  lines: readonly SourceLine[];
  /** Leave out what only the first line has a word in. */
  withoutFirst: boolean;
  ids: Ids;
}

/** Several values make one key without being taken for another list of them. */
function keyOf({ key }: Parts, source: Source): string | undefined {
  if (!Array.isArray(key)) {
    const value = key.of(source);
    return value === undefined ? undefined : String(value);
  }
  const values = key.map((each) => each.of(source));
  return values.includes(undefined) ? undefined : JSON.stringify(values);
}

function printOf({ input, occurredAt }: Parts, made: MappedCommand, inputText: string, source: Source): string {
  const shared = { ...source, withoutFirst: true };
  const content = input.first ? JSON.stringify(input.of(shared) ?? {}) : inputText;
  const at = occurredAt.first ? occurredAt.of(shared) : made.occurredAt;
  return hash('sha256', JSON.stringify([made.id, at]) + content, 'base64');
}

/** Whether the conditions hold of a group, whose lines must agree on it. */
function holds(when: z.infer<typeof When>, lines: readonly SourceLine[]): boolean {
  let all = true;
  for (const [column, condition] of Object.entries(when)) {
    const cell = cellOf(lines[0]!, column);
    const answer = fits(cell, condition);
    for (const other of lines) {
      if (other.cells[column] === lines[0]!.cells[column]) continue;
      const differs = cellOf(other, column);
      if (differs === cell || fits(differs, condition) === answer) continue;
      throw new CellError(column, `is '${cell}' and, in line ${other.number} of the same group, '${differs}'`);
    }
    all &&= answer;
  }
  return all;
}

function fits(cell: string, condition: z.infer<typeof When>[string]): boolean {
  if ('empty' in condition) return (cell === '') === condition.empty;
  if ('matches' in condition) return pattern(condition.matches).test(cell);
  return !pattern(condition.matchesNot).test(cell);
}

const patterns = new Map<string, RegExp>();
function pattern(source: string): RegExp {
  let found = patterns.get(source);
  if (!found) patterns.set(source, (found = new RegExp(source, 'u')));
  return found;
}

/** What a cell says, without the white space around it. */
export function cellOf(line: SourceLine, column: string): string {
  const cell = line.cells[column];
  if (cell === undefined) throw new CellError(column, 'the file has no such column');
  return cell.trim();
}

/** The words by which an object is an expression, and what may stand beside each. */
export const EXPRESSIONS: Readonly<Record<string, readonly string[]>> = {
  $column: ['$as', '$take', '$default', '$first'],
  $text: ['$first'],
  $id: [],
  $each: [],
};

/** An expression that is ready to be evaluated for many rows. */
interface Compiled {
  of: (source: Source) => unknown;
  /** Holds a cell, so that it may be absent. */
  cells: boolean;
  /** Holds a cell of which the first line's word counts. */
  first: boolean;
  /** Adds the words of the ids in it, as JSON and in the order in which `of` looks at them; absent where there are none. */
  addWords?: ((source: Source, words: Set<string>) => void) | undefined;
}

interface Parts {
  key: Compiled | Compiled[];
  id: Compiled;
  occurredAt: Compiled;
  input: Compiled;
  /** All of it as one, in this order. */
  all: Compiled;
}

const ready = new WeakMap<Rule, Parts>();
function compiledParts(rule: Rule): Parts {
  let found = ready.get(rule);
  if (!found) {
    const key = Array.isArray(rule.key) ? rule.key.map(compile) : compile(rule.key);
    const [id, occurredAt, input] = [compile(rule.id), compile(rule.occurredAt), compile(rule.input)];
    found = { key, id, occurredAt, input, all: listOf([key, id, occurredAt, input].flat()) };
    ready.set(rule, found);
  }
  return found;
}

function compile(expression: Expression): Compiled {
  if (expression === null || typeof expression !== 'object') {
    return { of: () => expression, cells: false, first: false };
  }
  if (Array.isArray(expression)) return listOf(expression.map(compile));
  const given = expression as Record<string, any>;
  const first = given['$first'] === true;
  const shared = (of: Compiled['of']): Compiled => ({
    of: first ? (source) => (source.withoutFirst ? undefined : of(source)) : of,
    cells: true,
    first,
  });
  if ('$column' in given) return shared(columnOf(given));
  if ('$text' in given) return shared(textOf(given['$text'] as string, first));
  if ('$id' in given) return idOf(given['$id'] as Expression[]);
  if ('$each' in given) return eachOf(given['$each']);
  return objectOf(Object.entries(given).map(([name, value]) => [name, compile(value)]));
}

function traitsOf(parts: readonly Compiled[]): Omit<Compiled, 'of'> {
  const adding = parts.flatMap(({ addWords }) => addWords ?? []);
  return {
    cells: parts.some(({ cells }) => cells),
    first: parts.some(({ first }) => first),
    addWords: adding.length > 0 ? (source, words) => adding.forEach((add) => add(source, words)) : undefined,
  };
}

function objectOf(fields: readonly [string, Compiled][]): Compiled {
  const traits = traitsOf(fields.map(([, value]) => value));
  const of = (source: Source): unknown => {
    const made: Record<string, unknown> = {};
    let present = !traits.cells;
    for (const [name, field] of fields) {
      const value = field.of(source);
      if (value === undefined) continue;
      made[name] = value;
      if (field.cells) present = true;
    }
    return present ? made : undefined;
  };
  return { of, ...traits };
}

function listOf(items: readonly Compiled[]): Compiled {
  const of = (source: Source): unknown => {
    const made = items.map((item) => item.of(source)).filter((value) => value !== undefined);
    return made.length === 0 && items.length > 0 ? undefined : made;
  };
  return { of, ...traitsOf(items) };
}

function idOf(expressions: readonly Expression[]): Compiled {
  const parts = expressions.map(compile);
  const wordsOf = (source: Source): string | undefined => {
    const words = [source.mapping.name];
    for (const part of parts) {
      const word = part.of(source);
      if (word === undefined) return undefined;
      words.push(String(word));
    }
    const long = words.findIndex((word) => word.length > MAX_WORD_LENGTH);
    if (long < 0) return JSON.stringify(words);
    const where = JSON.stringify({ $id: expressions });
    throw new CellError(where, `word ${long} is longer than ${MAX_WORD_LENGTH} characters`);
  };
  const of = (source: Source): unknown => {
    const words = wordsOf(source);
    if (words === undefined) return undefined;
    const id = source.ids.get(words);
    if (id === undefined) throw new Error('an id was not asked for');
    return id;
  };
  const addWords = (source: Source, into: Set<string>): void => {
    const words = wordsOf(source);
    if (words !== undefined) into.add(words);
  };
  return { of, ...traitsOf(parts), cells: true, addWords };
}

function eachOf(expression: Expression): Compiled {
  const each = compile(expression);
  // An object for each line, also where all its cells are empty: a line is not lost on the way.
  const isObject = typeof expression === 'object' && expression !== null && !Array.isArray(expression);
  const keeps = isObject && !Object.keys(EXPRESSIONS).some((word) => word in expression);
  const of = ({ lines, ...source }: Source): unknown => {
    const made: unknown[] = [];
    for (const line of lines) {
      const value = each.of({ ...source, line, lines: [line] });
      if (value !== undefined) made.push(value);
      else if (keeps) made.push({});
    }
    return made;
  };
  const { first, addWords: addEach } = each;
  const addWords =
    addEach &&
    (({ lines, ...source }: Source, words: Set<string>): void => {
      for (const line of lines) addEach({ ...source, line, lines: [line] }, words);
    });
  return { of, cells: true, first, addWords };
}

/** The cell of a line, with which the other lines of its group agree. */
function agreedCell(name: string, first: boolean, { line, lines }: Source): string {
  const cell = cellOf(line, name);
  if (first || lines.length === 1) return cell;
  for (const other of lines) {
    if (other.cells[name] === line.cells[name]) continue;
    const differs = cellOf(other, name);
    if (differs !== cell) {
      throw new CellError(name, `is '${cell}' and, in line ${other.number} of the same group, '${differs}'`);
    }
  }
  return cell;
}

/** The names in the braces of a `$text`. */
export const TEXT_COLUMNS = /\{([^}]+)\}/g;

const textOf =
  (text: string, first: boolean) =>
  (source: Source): string | undefined => {
    let missing = false;
    const filled = text.replaceAll(TEXT_COLUMNS, (_, name: string) => {
      const cell = agreedCell(name, first, source);
      if (cell === '') missing = true;
      return cell;
    });
    return missing ? undefined : filled;
  };

function columnOf(given: Record<string, any>): (source: Source) => unknown {
  const { $column: name, $default: otherwise, $first: first, $take: take, $as: kind = 'text' } = given;
  const taken = take === undefined ? undefined : pattern(take as string);
  const convert = CONVERT[kind as string]!;
  return (source) => {
    let cell = agreedCell(name as string, first === true, source);
    if (cell === '') return otherwise as unknown;
    if (taken) {
      const match = taken.exec(cell);
      if (!match) throw new CellError(name as string, `'${cell}' does not match ${take as string}`);
      cell = match[1] ?? match[0];
    }
    return convert(cell, name as string, source.mapping.zone);
  };
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

/** What `$as` can make of a cell. */
export const KINDS = Object.keys(CONVERT);

import { z } from 'zod';
import { MAX_WORDS } from '#platform/http/derived-ids.js';
import type { CommandDefinition } from '#platform/kernel/command.js';
import { EXPRESSIONS, KINDS, TEXT_COLUMNS, type Expression, type Mapping } from './mapping.js';

/** What a mapping is held against. */
export interface MappingContext {
  /** The command of rules that name none. */
  as?: string;
  /** The columns of the file. */
  columns: readonly string[];
  /** The commands that there are; without them, their names and fields are not looked at. */
  commands?: readonly CommandDefinition[];
}

/** Everything in a mapping that would have every row refused, or a value left out: known before the first row is sent. */
export function mappingProblems(mapping: Mapping, context: MappingContext): string[] {
  const check = new MappingCheck(context);
  check.column('groupBy', ...(mapping.groupBy ?? []));
  check.column('inOrderBy', ...(mapping.inOrderBy ?? []));
  mapping.commands.forEach((rule, index) => {
    const at = `commands.${index}`;
    check.column(`${at}.when`, ...Object.keys(rule.when));
    for (const part of ['key', 'id', 'occurredAt'] as const) check.expression(`${at}.${part}`, rule[part]);
    if (rule.key === undefined) check.problems.push(`${at}.key: is missing; it tells one thing from another`);
    check.expression(`${at}.input`, rule.input);
    check.command(at, rule);
  });
  return check.problems;
}

/** The columns that a mapping makes no use of, in the order of the file. */
export function unusedColumns(mapping: Mapping, columns: readonly string[]): string[] {
  const check = new MappingCheck({ columns });
  check.column('', ...(mapping.groupBy ?? []));
  for (const rule of mapping.commands) {
    for (const part of ['key', 'id', 'occurredAt', 'input'] as const) check.expression('', rule[part]);
  }
  return columns.filter((name) => !check.used.has(name));
}

/** What can be one word of a natural key; an id is none, and is said by its own words. */
const isWord = (part: unknown): boolean =>
  typeof part === 'object' && part !== null ? '$column' in part || '$text' in part : part !== null;

type Schema = Record<string, any>;

class MappingCheck {
  readonly problems: string[] = [];
  readonly used = new Set<string>();

  constructor(private readonly context: MappingContext) {}

  column(at: string, ...names: unknown[]): void {
    for (const name of names) {
      if (typeof name === 'string' && name !== '' && this.context.columns.includes(name)) this.used.add(name);
      else {
        const known = this.context.columns.map((each) => JSON.stringify(each)).join(', ');
        this.problems.push(`${at}: the file has no column ${JSON.stringify(name)}; it has ${known}`);
      }
    }
  }

  expression(at: string, expression: Expression): void {
    if (expression === null || typeof expression !== 'object') return;
    if (Array.isArray(expression)) return expression.forEach((item, index) => this.expression(`${at}.${index}`, item));
    const given = expression as Record<string, unknown>;
    const words = Object.keys(given).filter((name) => name.startsWith('$'));
    if (words.length === 0) {
      for (const name in given) this.expression(`${at}.${name}`, given[name]);
      return;
    }
    const [word, ...others] = Object.keys(EXPRESSIONS).filter((each) => each in given);
    if (!word || others.length > 0) {
      const known = Object.keys(EXPRESSIONS).join(', ');
      this.problems.push(`${at}: ${words.join(' and ')} is no expression; there are ${known}`);
      return;
    }
    for (const name of Object.keys(given)) {
      if (name === word || EXPRESSIONS[word]!.includes(name)) continue;
      const known = EXPRESSIONS[word]!.join(', ') || 'nothing';
      this.problems.push(`${at}: ${name} does not belong to ${word}; beside it may stand ${known}`);
    }
    this.parts(at, word, given);
  }

  /** That a rule's command is known, has the fields that are given, and is told which thing it is about. */
  command(at: string, rule: Mapping['commands'][number]): void {
    const { as, commands } = this.context;
    const name = rule.command ?? as;
    if (name === undefined) {
      this.problems.push(`${at}: names no command: say it here or with --as`);
      return;
    }
    if (!commands) return;
    const definition = commands.find((each) => each.name === name);
    if (!definition) {
      const known = commands.map((each) => each.name).toSorted();
      this.problems.push(`${at}: there is no command ${name}; there are ${known.join(', ')}`);
      return;
    }
    if (!definition.creates && rule.id === undefined) {
      this.problems.push(`${at}.id: is missing; ${name} is about something that is there already`);
    }
    const schema = z.toJSONSchema(definition.input, { io: 'input', unrepresentable: 'any' });
    this.fields(`${at}.input`, rule.input, [schema], schema, name);
  }

  private parts(at: string, word: string, given: Record<string, any>): void {
    const value: unknown = given[word];
    if (word === '$column') this.column(at, value);
    else if (word === '$each') this.expression(`${at}.$each`, value);
    else if (word === '$id') {
      if (Array.isArray(value) && value.length > 0 && value.every(isWord)) this.expression(`${at}.$id`, value);
      else this.problems.push(`${at}: $id is a list of words, $column and $text`);
      // The first one is the mapping's name.
      if (Array.isArray(value) && value.length >= MAX_WORDS) {
        this.problems.push(`${at}: $id has more than ${MAX_WORDS - 1} words`);
      }
    } else if (typeof value === 'string') {
      for (const [, name] of value.matchAll(TEXT_COLUMNS)) this.column(at, name);
    } else this.problems.push(`${at}: $text is a text with columns in braces`);

    const { $as: kind, $take: take, $first: first } = given;
    if (kind !== undefined && !KINDS.includes(kind)) {
      this.problems.push(`${at}: $as is ${JSON.stringify(kind)}; there are ${KINDS.join(', ')}`);
    }
    if (first !== undefined && typeof first !== 'boolean') this.problems.push(`${at}: $first is true or false`);
    if (take === undefined) return;
    try {
      if (typeof take !== 'string') throw new Error('not a text');
      void new RegExp(take, 'u');
    } catch {
      this.problems.push(`${at}: $take is not a regular expression: ${JSON.stringify(take)}`);
    }
  }

  /** Names of fields that none of the schemas has: strict inputs refuse them, in every row. */
  private fields(at: string, given: Expression, schemas: readonly Schema[], root: Schema, command: string): void {
    if (given === null || typeof given !== 'object') return;
    const variants = schemas.flatMap((schema) => variantsOf(schema, root));
    if (Array.isArray(given) || '$each' in given) {
      const items = variants.flatMap(({ items: each }) => (each ? [each as Schema] : []));
      if (items.length === 0) return;
      if ('$each' in given) this.fields(`${at}.$each`, given.$each, items, root, command);
      else given.forEach((item, index) => this.fields(`${at}.${index}`, item, items, root, command));
      return;
    }
    if (Object.keys(given).some((name) => name.startsWith('$'))) return;
    const objects = variants.filter(({ properties }) => properties);
    const open = objects.some(({ additionalProperties }) => additionalProperties !== false);
    if (objects.length === 0 || open) return;
    for (const [name, value] of Object.entries(given)) {
      const found = objects.filter(({ properties }) => Object.hasOwn(properties, name));
      if (found.length > 0) {
        const inner = found.map(({ properties }) => properties[name] as Schema);
        this.fields(`${at}.${name}`, value, inner, root, command);
        continue;
      }
      const known = [...new Set(objects.flatMap(({ properties }) => Object.keys(properties)))];
      this.problems.push(`${at}.${name}: ${command} has no such field here; there are ${known.join(', ')}`);
    }
  }
}

/** A schema's alternatives, references followed. */
function variantsOf(schema: Schema, root: Schema): Schema[] {
  if (typeof schema['$ref'] === 'string') {
    const path = schema['$ref'].replace(/^#\/?/, '').split('/').filter(Boolean);
    return variantsOf(
      path.reduce((at: Schema, name) => at[name], root),
      root,
    );
  }
  const alternatives: Schema[] = schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf'] ?? [];
  return alternatives.length > 0 ? alternatives.flatMap((each) => variantsOf(each, root)) : [schema];
}

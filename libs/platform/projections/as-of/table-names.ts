// What is no word of SQL by itself comes first: a name in a text or in a comment is none.
const TOKEN =
  /'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\/|"(?<quoted>(?:[^"]|"")*)"|(?<bare>[A-Za-z_][\w$]*)|\$\d+|\d[\w.]*|\s+|[^]/g;

/** What stands before the name of a table that is read, brackets aside. */
const LEADS = new Set(['from', 'join', ',']);

interface Word {
  readonly name: string;
  /** Where it begins. */
  readonly at: number;
  /** It stands where a table may: behind `from` or `join`, or in a list, which may be one of tables. */
  readonly mayBeTable: boolean;
}

/** The names in an SQL text. @throws Error for what this reader of SQL does not know */
function wordsOf(sql: string): Word[] {
  const words: Word[] = [];
  let before = '';
  let earlier = '';
  for (const match of sql.matchAll(TOKEN)) {
    const [token] = match;
    const { quoted, bare } = match.groups!;
    if (/^\s|^--|^\/\*/.test(token)) continue;
    // Escapes and dollar quotes would need a reader of their own; no query has them.
    if (token === '$' || (token.startsWith("'") && /^[eEuU&]$/.test(before))) {
      throw new Error(`a query about the past is written without ${token === '$' ? 'dollar quotes' : "E'…'"}: ${sql}`);
    }
    const name = quoted === undefined ? bare?.toLowerCase() : quoted.replaceAll('""', '"');
    const leads = before === '(' ? earlier : before;
    if (name !== undefined) words.push({ name, at: match.index, mayBeTable: LEADS.has(leads) });
    earlier = before === '(' && token === '(' ? earlier : before;
    before = token.toLowerCase();
  }
  return words;
}

/** `name as (`, `name (columns) as not materialized (`. */
const OWN_ROWS = /^"?[A-Za-z_][\w$]*"?\s*(?:\([^()]*\)\s*)?as\s*(?:(?:not\s+)?materialized\s*)?\(/i;

/**
 * Which of these tables a text may read: all that it names where a table may stand. One that is only the name of a column
 * in a list is among them, which costs something and changes nothing.
 * @throws Error for a text that gives one of these names to rows of its own: which are meant could not be told
 */
export function tablesNamed(sql: string, tables: ReadonlySet<string>): Set<string> {
  const named = new Set<string>();
  for (const { name, at, mayBeTable } of wordsOf(sql)) {
    if (!tables.has(name)) continue;
    if (OWN_ROWS.test(sql.slice(at))) {
      throw new Error(`'${name}' is the name of a table and of rows of the query's own: ${sql}`);
    }
    if (mayBeTable) named.add(name);
  }
  return named;
}

const BEGINS = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*with\s+(recursive\s+)?/i;

/** The text with these definitions, each `name as (…)`, before its own. */
export function withBefore(sql: string, definitions: readonly string[]): string {
  if (definitions.length === 0) return sql;
  const own = BEGINS.exec(sql);
  const ours = definitions.join(',\n');
  if (!own) return `with ${ours}\n${sql}`;
  return `with ${own[1] === undefined ? '' : 'recursive '}${ours},\n${sql.slice(own[0].length)}`;
}

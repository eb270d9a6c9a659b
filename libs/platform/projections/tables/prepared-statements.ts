import { createHash } from 'node:crypto';

// A fixed text for each table and kind of change: the server parses and plans it once a connection.
const prepared = new Map<string, { name: string; text: string }>();

/** The statement of this key, with its name; the text is made once. */
export function statement(key: string, text: () => string): { name: string; text: string } {
  let known = prepared.get(key);
  if (!known) {
    const sql = text();
    known = { name: `yad_${createHash('sha1').update(sql).digest('hex').slice(0, 24)}`, text: sql };
    prepared.set(key, known);
  }
  return known;
}

/** The expression, cast where the column's type needs it. */
export const castOf = (expression: string, cast: string | null): string =>
  cast ? `${expression}::${cast}` : expression;

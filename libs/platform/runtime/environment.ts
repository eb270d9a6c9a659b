import { settings, type Setting } from './settings.js';

type Table = typeof settings;
type ValueOf<S> = S extends { otherwise: infer V } ? V : S extends Setting<infer V> ? V | undefined : never;

/** The variables as they are read: parsed, and with what counts when they are not set. */
export type Environment = { readonly [Name in keyof Table]: ValueOf<Table[Name]> };

/** What is wrong with the environment, a line for each variable. */
export class WrongSettings extends Error {
  constructor(readonly lines: readonly string[]) {
    super(lines.join('\n'));
    this.name = 'WrongSettings';
  }
}

/**
 * The settings of this process. An empty variable counts as one that is not set.
 * @throws WrongSettings naming each variable that is wrong, or is needed and not set
 */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
  needed: readonly (keyof Table)[] = [],
): Environment {
  const found: Record<string, unknown> = {};
  const wrong: string[] = [];
  for (const [name, { schema, otherwise, secret }] of Object.entries<Setting>(settings)) {
    const text = env[name];
    if (text === undefined || text === '') {
      found[name] = otherwise;
      if (needed.includes(name as keyof Table))
        wrong.push(`${name} is not set: ${settings[name as keyof Table].meaning}`);
      continue;
    }
    const parsed = schema.safeParse(text);
    if (parsed.success) found[name] = parsed.data;
    else wrong.push(`${name}${secret ? '' : ` is '${text}', which`} ${parsed.error.issues[0]!.message}`);
  }
  if (wrong.length > 0) throw new WrongSettings(wrong);
  return found as Environment;
}

/** Variables that look like settings of Yad and are none: a mistyped name would be passed over in silence. */
export const unknownSettings = (env: Readonly<Record<string, string | undefined>>): string[] =>
  Object.keys(env).filter((name) => /^YAD_(?!TEST_|KAFKA_|CHROMIUM$)/.test(name) && !(name in settings));

import { unsafeConnections } from './connection-safety.js';
import { kafkaOf } from './connections.js';
import { tokensOf } from './sign-in.js';
import { readSettings, unknownSettings, WrongSettings } from './environment.js';
import { AREAS, settings, type Area, type Setting } from './settings.js';

/** One setting, as an operator looks at it. */
export interface ReportedSetting {
  readonly name: string;
  readonly area: Area;
  readonly meaning: string;
  readonly isSet: boolean;
  /** What it is set to; a password in an address is left out, and so is the whole of a secret. */
  readonly value?: string;
  /** What counts while it is not set; absent where nothing does. */
  readonly otherwise?: string;
}

export interface SettingsReport {
  readonly settings: readonly ReportedSetting[];
  /** What is wrong, a line each: values that do not fit, connections that are not protected, names that nothing reads. */
  readonly problems: readonly string[];
}

/** What an environment sets, and what is wrong with it. Tells no secret. */
export function reportSettings(env: Readonly<Record<string, string | undefined>>): SettingsReport {
  const reported = inOrder().map(([name, { area, meaning, otherwise, secret }]): ReportedSetting => {
    const text = env[name];
    const isSet = text !== undefined && text !== '';
    return {
      name,
      area,
      meaning,
      isSet,
      value: isSet ? shown(text, secret) : undefined,
      otherwise: textOf(otherwise),
    };
  });
  return { settings: reported, problems: problemsOf(env) };
}

function problemsOf(env: Readonly<Record<string, string | undefined>>): string[] {
  const lines = new Set<string>();
  /** Also where one stands in the way of what follows. */
  const gather = (check: () => Iterable<string>): void => {
    try {
      for (const line of check()) lines.add(line);
    } catch (error) {
      if (!(error instanceof WrongSettings)) throw error;
      for (const line of error.lines) lines.add(line);
    }
  };
  gather(() => unsafeConnections(readSettings(env)));
  gather(() => (kafkaOf(readSettings(env)), []));
  gather(() => (tokensOf(readSettings(env)), []));
  gather(() => unknownSettings(env).map((name) => `${name} is set, and no setting has this name`));
  return [...lines];
}

/** The settings by area, each as the table has them. */
const inOrder = (): [string, Setting][] => {
  const all = Object.entries<Setting>(settings);
  return AREAS.flatMap((area) => all.filter(([, setting]) => setting.area === area));
};

function shown(text: string, secret: boolean | undefined): string {
  if (!secret) return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^postgres(ql)?:$/.test(url.protocol)) return 'not shown';
  if (url.password !== '') url.password = '***';
  if (url.searchParams.has('password')) url.searchParams.set('password', '***');
  return url.href;
}

function textOf(value: unknown): string | undefined {
  const text = Array.isArray(value)
    ? value.join(',')
    : value === undefined || value instanceof Map
      ? ''
      : String(value);
  return text === '' ? undefined : text;
}

/** The reference of all settings, as Markdown: `docs/reference/settings.md`. */
export function settingsReference(): string {
  const chapters = AREAS.map((area) => {
    const rows = inOrder().filter(([, setting]) => setting.area === area);
    const lines = rows.map(([name, { meaning, otherwise, secret }]) => {
      const usual = textOf(otherwise);
      return `| \`${name}\` | ${usual === undefined ? '' : `\`${usual}\``} | ${inCell(meaning)}${secret ? ' Secret.' : ''} |`;
    });
    return rows.length === 0
      ? ''
      : `\n## ${area}\n\n| variable | unless set | meaning |\n| --- | --- | --- |\n${lines.join('\n')}\n`;
  });
  return `# Settings

Every variable of the environment that Yad reads, made from \`libs/platform/runtime/settings.ts\` by \`npm run documents\`. An empty variable counts as one that is not set. What does not fit keeps an app from starting, and is named; \`npx yad config\` shows what is set here, and what is wrong with it.
${chapters.join('')}`;
}

const inCell = (text: string): string => text.replaceAll('|', '\\|');

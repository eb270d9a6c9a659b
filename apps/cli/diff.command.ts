import type { Command } from 'commander';
import { readSettings } from '#platform/runtime/environment.js';
import { isId } from '#platform/kernel/ids.js';
import { AS_OF_FORMS } from '#platform/projections/as-of/as-of.js';
import { definitions } from '../definitions.js';
import { diffLines, type ShownDiff } from './diff-lines.js';
import { usualUrl } from './usual-url.js';

/** How long an answer is waited for, in milliseconds. */
const SILENCE_MS = 60_000;

interface Given {
  readonly from: string;
  readonly to?: string;
  readonly url?: string;
  readonly reveal?: string;
  readonly json?: true;
}

/** The addresses of what can be compared, by the word for it. */
function addresses(): ReadonlyMap<string, string> {
  const { resources, queries } = definitions;
  const found = new Map(resources.map(({ on, path }) => [on.name, path]));
  const customer = queries.find(({ name }) => name === 'Customer360')!;
  return found.set('customer', customer.path);
}

/** Adds `yad diff WHAT ID --from POINT`. */
export function addDiffCommand(program: Command): void {
  const words = [...addresses().keys()].join(', ');
  program
    .command('diff <what> <id>')
    .description(`what changed between two points, with the events that did it, in one ${words}`)
    .requiredOption('--from <point>', `the earlier point: ${AS_OF_FORMS}`)
    .option('--to <point>', 'the later point, likewise (default: now)')
    .option('--url <url>', 'where Yad answers (default: YAD_URL, else this machine, on PORT or 3000)')
    .option('--reveal <reason>', 'shows personal values, and notes why; for roles that may')
    .option('--json', 'the answer as it is')
    .action(async (what: string, id: string, given: Given) => {
      const { data, freshness } = await asked(what, id, given);
      if (given.json) console.log(JSON.stringify({ data, freshness }, undefined, 2));
      else for (const line of diffLines(data)) console.log(line);
    });
}

async function asked(
  what: string,
  id: string,
  { from, to, url = usualUrl(), reveal }: Given,
): Promise<{ data: ShownDiff; freshness: unknown }> {
  const path = addresses().get(what);
  if (!path) throw new Error(`'${what}' is none of ${[...addresses().keys()].join(', ')}`);
  if (!isId(id)) throw new Error(`'${id}' is not a lower-case uuid`);
  const address = new URL(`${path.replace(':id', id)}/diff`, url);
  address.searchParams.set('from', from);
  if (to !== undefined) address.searchParams.set('to', to);
  const key = readSettings(process.env).YAD_API_KEY;
  const headers: Record<string, string> = {
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
    ...(reveal !== undefined && { 'yad-reveal': reveal }),
  };
  const response = await fetch(address, { headers, signal: AbortSignal.timeout(SILENCE_MS) }).catch(
    (error: unknown) => {
      throw new Error(`${url} does not answer: ${String((error as { cause?: unknown }).cause ?? error)}`, {
        cause: error,
      });
    },
  );
  const body = (await response.json()) as any;
  if (response.ok) return body;
  const issues = (body.errors ?? []).map(({ pointer, detail }: any) => `${pointer.slice(1)} ${detail}`);
  throw new Error(issues.length > 0 ? issues.join('; ') : (body.detail ?? body.title));
}

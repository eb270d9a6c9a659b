interface End {
  readonly position: string;
  readonly recordedAt: string | null;
}

/** What a diff is printed from: the form of aggregates and of customers alike. */
export interface ShownDiff {
  readonly from: End;
  readonly to: End;
  readonly changes: readonly {
    readonly pointer: string;
    readonly before?: unknown;
    readonly after?: unknown;
    readonly events: readonly string[];
    readonly earlierEvents?: number;
  }[];
  readonly omitted?: number;
  readonly events: readonly {
    readonly position: string;
    readonly type: string;
    readonly occurredAt: string;
    readonly actor: string;
    readonly reason?: unknown;
  }[];
  readonly otherEvents: number;
}

/** Characters of a value that one line shows. */
const MOST_SHOWN = 200;

/** A diff for a person: each change on a line, and after it the events that did it. */
export function* diffLines({ from, to, changes, omitted, events, otherEvents }: ShownDiff): Iterable<string> {
  yield `from ${endOf(from)} to ${endOf(to)}`;
  if (changes.length === 0) yield 'nothing differs';
  const byPosition = new Map(events.map((event) => [event.position, event]));
  for (const { pointer, before, after, events: by, earlierEvents } of changes) {
    yield `${pointer}: ${shown(before)} → ${shown(after)}`;
    if (earlierEvents !== undefined) yield `    and ${earlierEvents} events before these`;
    for (const position of by) {
      const { type, occurredAt, actor, reason } = byPosition.get(position)!;
      const why = typeof reason === 'string' ? `: ${JSON.stringify(reason)}` : '';
      yield `    ${position}  ${occurredAt}  ${type}  by ${actor}${why}`;
    }
  }
  if (omitted !== undefined) yield `and ${omitted} further changes`;
  if (otherEvents > 0) yield `${otherEvents} events between changed nothing that differs`;
}

const endOf = ({ position, recordedAt }: End): string =>
  recordedAt === null ? position : `${position} (${recordedAt})`;

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
}

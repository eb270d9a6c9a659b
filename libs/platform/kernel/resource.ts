import type { z } from 'zod';
import type { Aggregate } from './aggregate.js';
import type { Role } from './command.js';
import type { RecordedEvent } from './envelope.js';
import type { EventContract } from './event-contract.js';

/** Entries of one list that an answer shows at most; of a longer one the newest. */
export const MOST_SHOWN = 1000;
/** Characters of the texts in one list of an answer at most, one more text apart. */
const MOST_CHARACTERS = 2 * 1024 * 1024;

/** The newest entries of a list that may grow for ever, and how many older ones were left out. */
export class Newest<Entry> {
  readonly items: Entry[] = [];
  omitted = 0;
  private characters = 0;

  /** @param charactersOf of an entry that holds free text: the text's length */
  constructor(private readonly charactersOf: (entry: Entry) => number = () => 0) {}

  add(entry: Entry): void {
    this.items.push(entry);
    this.characters += this.charactersOf(entry);
    while (this.items.length > MOST_SHOWN || (this.characters > MOST_CHARACTERS && this.items.length > 1)) {
      this.characters -= this.charactersOf(this.items.shift()!);
      this.omitted++;
    }
  }
}

/**
 * Lists as an answer shows them: the newest `MOST_SHOWN` of each. Where some have more, `omitted` says by name how many
 * older entries were left out.
 */
export function shownLists<Lists extends Record<string, readonly unknown[] | Newest<any>>>(
  lists: Lists,
): { [K in keyof Lists]: Lists[K] extends Newest<infer Entry> ? Entry[] : Mutable<Lists[K]> } & {
  omitted?: Record<string, number>;
} {
  const shown: Record<string, unknown> = {};
  const omitted: Record<string, number> = {};
  for (const [name, list] of Object.entries(lists)) {
    shown[name] = list instanceof Newest ? list.items : list.slice(-MOST_SHOWN);
    const left = list instanceof Newest ? list.omitted : list.length - (shown[name] as unknown[]).length;
    if (left > 0) omitted[name] = left;
  }
  return (Object.keys(omitted).length > 0 ? { ...shown, omitted } : shown) as any;
}
type Mutable<List> = List extends readonly (infer Entry)[] ? Entry[] : never;

/** Where an answer stands in the life of its aggregate. */
export interface ResourceHead {
  readonly id: string;
  /** Of the last event: the ETag. */
  readonly revision: number;
}

/** One reading of a stream: what it takes from the events beside the state, and the answer at the end. */
export interface ResourceReading<State, Answer> {
  readonly on: readonly [string, (event: RecordedEvent) => void][];
  show(state: State, head: ResourceHead): Answer;
}

/** Pairs an event's contract with what a reading takes from it. */
export const noted = <Data>(
  contract: EventContract<Data>,
  take: (data: Data, event: RecordedEvent<Data>) => void,
): [string, (event: RecordedEvent) => void] => [contract.type, (event) => take(event.data, event)];

/**
 * An aggregate as those see it who read it whole: its address, its public form, who may. The answer is folded from the
 * aggregate's own events and depends on nothing else, so that its revision is its ETag. Each aggregate has one.
 */
export interface ResourceDefinition<State = any, Answer = any> {
  /** The operation's name: `GetOrder`. */
  readonly name: string;
  readonly summary: string;
  readonly on: Aggregate<State>;
  /** `/v1/orders/:id` */
  readonly path: string;
  /** `/v1/orders`: what a `Location` begins with. */
  readonly collection: string;
  /** What such a thing is, for those who read of its operations. */
  readonly about: string;
  readonly allowed: readonly Role[];
  readonly answer: z.ZodType<Answer>;
  read(): ResourceReading<State, Answer>;
}

/** Who may read aggregates unless a resource says otherwise. */
const readers: readonly Role[] = ['service', 'analyst', 'auditor', 'privacy', 'admin'];

/**
 * Defines a resource. `read` is called for each answer and gives a new reading, whose lists are `Newest`.
 * @throws Error when the route is not of the form `GET /v1/orders/:id`
 */
export function resource<State, Schema extends z.ZodType>(definition: {
  name: string;
  summary: string;
  on: Aggregate<State>;
  route: string;
  about: string;
  allowed?: readonly Role[];
  answer: Schema;
  read: () => ResourceReading<State, z.infer<Schema>>;
}): ResourceDefinition<State, z.infer<Schema>> {
  const { route, allowed = readers, ...rest } = definition;
  const [, path, collection] = /^GET ((\/[^:]+)\/:id)$/.exec(route) ?? [];
  if (!path || !collection) throw new Error(`${rest.name}: the route is not of the form 'GET /v1/things/:id'`);
  return { ...rest, path, collection, allowed } as ResourceDefinition<State, z.infer<Schema>>;
}

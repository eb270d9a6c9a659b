import { z } from 'zod';
import { Erased } from './erased.js';

/**
 * What a retention period applies to. The personal fields of one class are stored as one part, which later has a key of
 * its own for each subject.
 * - `profile`: who somebody is and how they are reached.
 * - `third-party`: what others say of somebody, under a licence of theirs.
 * - `communication`: what was written to us or by us, and about what.
 * - `note`: remarks of staff.
 * - `delivery`: where something was sent.
 * - `payment`: references of payments.
 * - `reason`: why something was done, in the sender's words; of the envelope, no field of an event has it.
 */
export const RETENTION_CLASSES = [
  'profile',
  'third-party',
  'communication',
  'note',
  'delivery',
  'payment',
  'reason',
] as const;
export type RetentionClass = (typeof RETENTION_CLASSES)[number];
/** The classes that a field of an event may have. */
export type FieldClass = Exclude<RetentionClass, 'reason'>;

/**
 * A field of an event together with what the privacy catalogue says of it.
 * `defineEvent` takes nothing else, so an unclassified field does not compile.
 */
export interface ClassifiedField<S extends z.ZodType = z.ZodType, R extends FieldClass | null = FieldClass | null> {
  readonly schema: S;
  /** Of a personal field; null for an open one. */
  readonly retention: R;
  /** How the event's entry on a timeline repeats the field; absent: not at all. */
  readonly timeline?: OnTimeline;
}

/** `shown`: as it is; `counted`: how many there are, of a list; `unless-subject`: an id that says more than the subject. */
export type OnTimeline = 'shown' | 'counted' | 'unless-subject';

/** A field that says something about a person: stored apart (`personalData`), erased with its subject or its class. */
export const personal = <S extends z.ZodType>(
  schema: S,
  retention: FieldClass = 'profile',
): ClassifiedField<S, FieldClass> => ({
  schema,
  retention,
});

/**
 * A field that says nothing about a person: stored in the clear, kept for good.
 * @param timeline whether the event's entry on a timeline repeats it. Short fields only. A personal field never is:
 *   erasing it would not reach the entry
 */
export const open = <S extends z.ZodType>(schema: S, timeline?: OnTimeline): ClassifiedField<S, null> => ({
  schema,
  retention: null,
  timeline,
});

export type ClassifiedFields = Record<string, ClassifiedField>;

type PersonalNames<F extends ClassifiedFields> = {
  [K in keyof F]: F[K] extends ClassifiedField<any, null> ? never : K;
}[keyof F];
type ShapeOf<F extends ClassifiedFields> = { [K in keyof F]: F[K]['schema'] };
type Written<F extends ClassifiedFields> = z.infer<z.ZodObject<ShapeOf<F>, z.core.$strict>>;
type WithErased<Data, Personal> = { [K in keyof Data]: K extends Personal ? Data[K] | Erased : Data[K] };

/**
 * The data of an event, as its fields' schemas infer it. A personal field is its value or `erased`: so folds read it, and
 * so a decision may write it again that carries it over from a state.
 */
export type DataOf<F extends ClassifiedFields> = WithErased<Written<F>, PersonalNames<F>>;

/** Turns the data of version `n` into that of version `n + 1`. */
export type Upcast = (data: Record<string, unknown>) => Record<string, unknown>;

/** A version of an event that is still in logs, and written no more. */
export interface EarlierVersion {
  readonly fields: ClassifiedFields;
  readonly upcast: Upcast;
  /** What a consumer of this version must know of the next, where it cannot read that as it read this: published. */
  readonly breaks?: string;
}

/** What an event of one version holds. */
export interface EventVersion {
  readonly fields: ClassifiedFields;
  /** Its personal fields by class, in the order in which the parts are stored. */
  readonly personalParts: readonly PersonalPart[];
  /** Of an earlier version; see `EarlierVersion`. */
  readonly breaks?: string | undefined;
}

/** A key that no two aggregates may have. Its words may be personal: what is kept of them is a keyed hash. */
export interface UniqueKey {
  /** Kind of the key, e.g. `identity`; refused by the rule `<scope>-is-unique`. */
  readonly scope: string;
  readonly words: readonly string[];
}

/** The personal fields of one class. */
export interface PersonalPart {
  readonly retention: FieldClass;
  readonly fields: readonly string[];
}

/** A decided event, before it has a place in the log. */
export interface DomainEvent<Data = unknown> {
  readonly contract: EventContract<Data>;
  readonly data: Data;
}

/**
 * The published form of one event: a stable name, a version, a schema and the class of each field.
 * Calling it makes an event: `orderPlaced({ … })`.
 */
export interface EventContract<Data = unknown> {
  (data: Data): DomainEvent<Data>;
  readonly type: string;
  readonly version: number;
  readonly fields: ClassifiedFields;
  readonly schema: z.ZodType<Data>;
  /** The keys that its aggregate has from this event on, and no other may have; absent for most events. */
  readonly reserves?: (data: Data) => readonly UniqueKey[];
  /** Names of the personal fields; empty for most events. */
  readonly personalFields: readonly string[];
  /** The same by class, in the order in which the parts are stored. */
  readonly personalParts: readonly PersonalPart[];
  /** Every version that was ever written, by its number, the current one last. */
  readonly versions: ReadonlyMap<number, EventVersion>;
  /** Upcasts by the version they start from: `{ 1: v1 => v2, 2: v2 => v3 }`. */
  readonly upcasts: Readonly<Record<number, Upcast>>;
}

/** The member beside the open fields in which an event is published that has personal ones. */
export const PERSONAL_DATA = 'personalData';

/**
 * Defines an event of the published language.
 * @param definition `earlier`: each version below the current one, as its events are in logs for good. A consumer that
 *   knows one of them must be able to read the next, or be told (`breaks`): a spec holds the versions side by side.
 * @throws Error when a version below the current one is not told, as its stored events could not be read.
 */
export function defineEvent<F extends ClassifiedFields>(definition: {
  type: string;
  version?: number;
  fields: F;
  earlier?: Record<number, EarlierVersion>;
  reserves?: (data: DataOf<F>) => readonly UniqueKey[];
}): EventContract<DataOf<F>> {
  const { type, version = 1, fields, earlier = {}, reserves } = definition;
  const versions = new Map<number, EventVersion>();
  for (let number = 1; number <= version; number++) {
    const own = number === version ? fields : earlier[number]?.fields;
    if (!own) throw new Error(`${type} is at version ${version} but does not tell version ${number}`);
    if (own[PERSONAL_DATA]?.retention === null) throw new Error(`${type}: no open field is named ${PERSONAL_DATA}`);
    versions.set(number, { fields: own, personalParts: partsOf(own), breaks: earlier[number]?.breaks });
  }
  const shape = Object.fromEntries(
    Object.entries(fields).map(([name, { schema, retention }]) => [
      name,
      retention === null ? schema : z.union([schema, Erased]),
    ]),
  );
  const contract = ((data: DataOf<F>) => ({ contract, data })) as unknown as EventContract<DataOf<F>>;
  return Object.assign(contract, {
    type,
    version,
    fields,
    schema: z.strictObject(shape) as unknown as z.ZodType<DataOf<F>>,
    reserves,
    personalFields: Object.keys(fields).filter((name) => fields[name]!.retention !== null),
    personalParts: versions.get(version)!.personalParts,
    versions,
    upcasts: Object.fromEntries(Object.entries(earlier).map(([number, { upcast }]) => [number, upcast])),
  });
}

function partsOf(fields: ClassifiedFields): PersonalPart[] {
  const names = Object.keys(fields);
  return RETENTION_CLASSES.filter((each) => each !== 'reason')
    .map((retention) => ({ retention, fields: names.filter((name) => fields[name]!.retention === retention) }))
    .filter((part) => part.fields.length > 0);
}

type Contracts<Exports> = {
  readonly [Name in keyof Exports as Exports[Name] extends EventContract<any> ? Name : never]: Exports[Name];
};

/** True for what `defineEvent` made. */
export const isEventContract = (value: unknown): value is EventContract<any> =>
  typeof value === 'function' && 'personalFields' in value && 'upcasts' in value;

/**
 * The events among the exports of a file: `eventRecord(await import('./order.events.js'))`, by the names that they
 * are exported under. What is defined in the file is in the record: nothing is listed a second time.
 */
export const eventRecord = <Exports extends object>(exports: Exports): Contracts<Exports> =>
  Object.fromEntries(Object.entries(exports).filter(([, value]) => isEventContract(value))) as Contracts<Exports>;

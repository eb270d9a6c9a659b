import { z } from 'zod';
import { Erased } from '#platform/kernel/erased.js';
import { LOG_FORKED, LogForked } from '#platform/kernel/log-forked.js';
import { PERSONAL_DATA, type EventContract, type EventVersion } from '#platform/kernel/event-contract.js';
import { schemaId } from '#platform/kernel/published-event.js';
import { SchemaComponents, type JsonSchema } from './components.js';

const TYPE = /^[a-z]+(?:\.[a-z]+(?:-[a-z]+)*)+$/;

/** A name for programs: of `crm.sales.order.fulfilment-recorded`, `OrderFulfilmentRecorded`. */
export function eventName(type: string): string {
  if (!TYPE.test(type)) throw new Error(`${type} is not named like an event`);
  const words = type.split('.').slice(-2).join('-').split('-');
  return words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
}

/** One part of an event's personal data once it is sealed. */
const SealedPart = z
  .strictObject({
    key: z.string().describe('Which key it is sealed under: of the customer and the retention class.'),
    iv: z.string().describe('Initialisation vector.').meta({ contentEncoding: 'base64' }),
    ct: z.string().describe('Ciphertext with its authentication tag.').meta({ contentEncoding: 'base64' }),
  })
  .meta({ id: 'SealedPart', description: 'The personal fields of one retention class, sealed (AES-256-GCM).' });

/** The reason of a command, which any event may have. */
const Reason = z.strictObject({ reason: z.string().describe('Why it was done, in the words of the sender.') });

/**
 * What one version of an event holds as it is published: its open fields, and its personal ones apart, by retention
 * class, in the form that `sealed` names.
 */
export function publishedSchema({ fields, personalParts }: Pick<EventVersion, 'fields' | 'personalParts'>): z.ZodType {
  const plain = Object.fromEntries(
    personalParts.map(({ retention, fields: names }) => {
      const part = z.strictObject(
        Object.fromEntries(names.map((name) => [name, orErasedIn(fields[name]!.schema)])) as z.ZodRawShape,
      );
      return [retention, names.some((name) => isRequired(fields[name]!.schema)) ? part : part.optional()];
    }),
  );
  const sealed = Object.fromEntries(
    personalParts.map(({ retention, fields: names }) => [
      retention,
      names.some((name) => isRequired(fields[name]!.schema)) ? SealedPart : SealedPart.optional(),
    ]),
  );
  const personalData = z.union([
    z.strictObject({ sealed: z.literal(0), parts: z.strictObject({ ...plain, reason: Reason.optional() }) }),
    z.strictObject({ sealed: z.literal(1), parts: z.strictObject({ ...sealed, reason: SealedPart.optional() }) }),
  ]);
  const needed = Object.values(plain).some((part) => isRequired(part));
  const open = Object.entries(fields).filter(([, { retention }]) => retention === null);
  return z.strictObject({
    ...Object.fromEntries(open.map(([name, { schema }]) => [name, schema])),
    [PERSONAL_DATA]: needed ? personalData : personalData.optional(),
  });
}

const isRequired = (schema: z.ZodType): boolean => !schema.safeParse(undefined).success;

/** A command that carries a personal field over from a state writes `erased` again where it was erased. */
const orErasedIn = (schema: z.ZodType): z.ZodType =>
  isRequired(schema) ? z.union([schema, Erased]) : z.union([schema, Erased]).optional();

const about = ({ type }: EventContract<any>, version: number, { breaks }: EventVersion): string =>
  [`\`${type}\`, version ${version}.`, ...(breaks ? [breaks] : [])].join(' ');

/** The schema of one version of an event with references into the components of a document. */
export function eventSchemaIn(components: SchemaComponents, contract: EventContract<any>, version: number): JsonSchema {
  const of = contract.versions.get(version);
  if (!of) throw new Error(`${contract.type} has no version ${version}`);
  return {
    title: `${eventName(contract.type)} ${version}`,
    description: about(contract, version, of),
    ...components.schemaOf(publishedSchema(of), 'output'),
  };
}

/** The schema of what tells a fork, with references into the components of a document. */
export const logForkedSchemaIn = (components: SchemaComponents): JsonSchema => ({
  title: 'LogForked 1',
  description: `\`${LOG_FORKED}\`, version 1: the log goes on without its last events, after a failover or a restore.`,
  ...components.schemaOf(LogForked, 'output'),
});

/** The schema of one version of an event, whole in itself, as it is served: JSON Schema 2020-12. */
export const eventSchema = (contract: EventContract<any>, version: number): JsonSchema =>
  wholeSchema(schemaId(contract.type, version), (components) => eventSchemaIn(components, contract, version));

/** The schema of what tells a fork, likewise. */
export const logForkedSchema = (): JsonSchema => wholeSchema(schemaId(LOG_FORKED, 1), logForkedSchemaIn);

function wholeSchema($id: string, make: (components: SchemaComponents) => JsonSchema): JsonSchema {
  const components = new SchemaComponents();
  const schema = make(components);
  const local = (text: string): string => text.replaceAll('"#/components/schemas/', '"#/$defs/');
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id,
    ...JSON.parse(local(JSON.stringify({ ...schema, $defs: components.all() }))),
  };
}

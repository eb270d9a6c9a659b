import { z } from 'zod';
import { PointKind } from '#contracts/contacts/contact-point.js';
import { NumberedPoint, contactRegistered } from '#contracts/contacts/contact.events.js';
import {
  AttributeName,
  AttributeType,
  ContactKind,
  ContactStatus,
  type DetailName,
  Identity,
  LifecycleStage,
  RelationKind,
  Staff,
  Tag,
  TypedValue,
  contactDetails,
} from '#contracts/contacts/contact-terms.js';
import { Code, key } from '#contracts/terms.js';
import { Day, Instant } from '#platform/kernel/calendar.js';
import { orErased, type Erased } from '#platform/kernel/erased.js';
import { Id } from '#platform/kernel/ids.js';
import { noted, resource, shownLists } from '#platform/kernel/resource.js';
import { omittedEntries, toldBy } from '../../answer-terms.js';
import { Contact } from './contact.aggregate.js';

const details = Object.fromEntries(
  Object.entries(contactDetails).map(([name, schema]) => [name, orErased(schema).optional()]),
) as { [Name in DetailName]: z.ZodOptional<z.ZodUnion<[(typeof contactDetails)[Name], typeof Erased]>> };

export const ContactAnswer = z
  .strictObject({
    id: Id,
    revision: z.int().min(0),
    kind: ContactKind,
    status: ContactStatus,
    stage: LifecycleStage,
    ...details,
    registeredAt: Instant,
    origin: Code.optional().describe('How the contact came to us'),
    owner: Staff.optional().describe('Who looks after the contact'),
    mergedInto: Id.optional().describe('Of a merged contact: the one that it turned out to be'),
    points: z.array(
      NumberedPoint.extend({
        pointKind: PointKind,
        reach: orErased(NumberedPoint.shape.reach),
        verified: z.boolean(),
      }),
    ),
    identities: z.array(Identity.extend({ key: orErased(Identity.shape.key) })),
    tags: z.array(Tag),
    attributes: z.array(
      z.strictObject({
        name: AttributeName,
        type: AttributeType,
        content: orErased(TypedValue).nullable().describe('null: cleared; its type stays declared'),
      }),
    ),
    externalFacts: z
      .array(
        z.strictObject({
          name: orErased(AttributeName),
          content: orErased(TypedValue),
          source: key(200),
          date: Day,
          licence: key(200),
        }),
      )
      .describe('What others say of the contact: the latest word of each source'),
    relations: z.array(z.strictObject({ kind: RelationKind, other: Id, direction: z.enum(['to', 'from']) })),
    mergedDuplicates: z.array(Id).describe('Contacts that were merged into this one'),
    dismissed: z.array(Id).describe('Contacts that were looked at and found to be somebody else'),
    omitted: omittedEntries,
  })
  .meta({ id: 'Contact' });

export const contactResource = resource({
  name: 'GetContact',
  summary: 'One contact as it stands, with its points, identities, attributes and relations',
  on: Contact,
  route: 'GET /v1/contacts/:id',
  about: 'People and organisations: who they are, how to reach them, and which of them are the same.',
  answer: ContactAnswer,
  read: () => {
    const registered: { registeredAt: string; origin?: string | undefined } = { registeredAt: '' };
    return {
      on: [
        noted(contactRegistered, ({ origin }, event) => {
          Object.assign(registered, { registeredAt: toldBy(event).at, origin });
        }),
      ],
      show: (contact, { id, revision }) => {
        const { status, kind, stage, details: known, owner, mergedInto } = contact;
        const { points, identities, tags, attributes } = contact;
        const lists = {
          points,
          identities,
          tags,
          attributes,
          externalFacts: contact.externalFacts.values(),
          relations: contact.relations.values(),
          mergedDuplicates: [...contact.mergedDuplicates],
          dismissed: [...contact.dismissed],
        };
        return {
          id,
          revision,
          kind,
          status: status as Exclude<typeof status, 'none'>,
          stage,
          ...known,
          ...registered,
          owner: owner ?? undefined,
          mergedInto: mergedInto ?? undefined,
          ...shownLists(lists),
        };
      },
    };
  },
});

import type { ContactKind, RelationKind } from '#contracts/contacts/contact-terms.js';
import { relationKey } from './contact.aggregate.js';
import type { ContactRelation, ContactState } from './contact.aggregate.js';

const FITS: Record<RelationKind, { from: ContactKind; to: ContactKind }> = {
  'works-at': { from: 'person', to: 'organisation' },
  household: { from: 'person', to: 'person' },
  'parent-company': { from: 'organisation', to: 'organisation' },
};

/** True when a relation of this kind can lead from the one contact to the other. */
export const fits = (kind: RelationKind, from: ContactKind, to: ContactKind): boolean =>
  FITS[kind].from === from && FITS[kind].to === to;

/** The relation as the other contact has it. */
export const inverse = ({ kind, direction }: ContactRelation, id: string): ContactRelation => ({
  kind,
  other: id,
  direction: direction === 'to' ? 'from' : 'to',
});

/** The relation as this contact has it; a household has no direction. */
export const relationWith = (
  { relations }: ContactState,
  kind: RelationKind,
  other: string,
): ContactRelation | undefined =>
  relations.get(relationKey({ kind, other, direction: 'to' })) ??
  (kind === 'household' ? relations.get(relationKey({ kind, other, direction: 'from' })) : undefined);

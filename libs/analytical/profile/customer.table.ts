import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { NumberedPoint } from '#contracts/contacts/contact.events.js';
import type {
  ContactKind,
  ContactStatus,
  Identity,
  LifecycleStage,
  TypedValue,
} from '#contracts/contacts/contact-terms.js';
import type { Erased } from '#platform/kernel/erased.js';
import { Personal } from '#platform/projections/definition/personal.js';

/** A contact point, with when it was last shown to work. */
export type CustomerPoint = Omit<NumberedPoint, 'reach'> & {
  reach: NumberedPoint['reach'] | Erased;
  verifiedAt?: string;
};

/** Who a customer is in another system. */
export interface CustomerIdentity {
  system: string;
  key: Identity['key'] | Erased;
}

/** What a third party says of a customer: the newest of each name from each source. */
export interface CustomerFact {
  name: string;
  content: TypedValue;
  source: string;
  date: string;
  licence: string;
}

/** SQL: a merge concerns the contact, as one that went or as one that stayed. */
export const MERGES = `(merged_duplicates > 0 or status = 'merged')`;

/** The profile of a contact, under its own id also after a merge. */
@Entity('customers')
@Index(['name', 'subject'], { where: `status <> 'merged'` })
@Index(['kind', 'status', 'stage', 'subject'])
@Index(['kind', 'status', 'stage', 'name', 'subject'])
@Index(['owner', 'subject'], { where: 'owner is not null' })
@Index(['owner', 'name', 'subject'], { where: 'owner is not null' })
// Whom a merge concerns: mostly few.
@Index(['kind', 'status', 'stage', 'subject'], { where: MERGES })
@Index(['owner', 'subject'], { where: `owner is not null and ${MERGES}` })
@Index(['status_before', 'subject'], { where: 'status_before is not null' })
@Index(['name', 'subject'], { where: 'merged_duplicates > 0' })
export class Customer {
  @PrimaryColumn('uuid') subject!: string;
  @Column('text') kind!: ContactKind;
  @Column('text') status!: ContactStatus;
  /** Of a contact that was merged into another: what its status was, and will be again if that is undone. */
  @Column('text', { nullable: true }) status_before!: ContactStatus | null;
  /** How many contacts were merged into this one, so that nobody looks for those of all others. */
  @Column('integer') merged_duplicates!: number;
  @Column('text') stage!: LifecycleStage;
  /** The name in full; empty when none is known, so that pages by name have no gap. */
  @Personal() @Column('text') name!: string | Erased;
  /** Parts of the name, birth date, language and the like, as the contact's details have them. */
  @Personal() @Column('jsonb') details!: Record<string, unknown>;
  // Of an erased list nobody knows how long it was: one `erased` stands for it.
  @Personal() @Column('jsonb') points!: (CustomerPoint | Erased)[];
  @Personal() @Column('jsonb') identities!: (CustomerIdentity | Erased)[];
  /** `erased` beside the names: of attributes whose names were erased too. */
  @Personal() @Column('jsonb') attributes!: Record<string, TypedValue | Erased>;
  @Personal() @Column('jsonb') facts!: (CustomerFact | Erased)[];
  @Column('jsonb') tags!: string[];
  @Column('text', { nullable: true }) owner!: string | null;
  @Column('text', { nullable: true }) origin!: string | null;
}

/**
 * When a subject was first and last heard of, and what lists by recency are filtered by: a list finds a page in one
 * index only when the order and the filter stand in one table. A table of its own, as every event may move it: narrow,
 * with few indexes. A walk-in order has a row, too, in none of the indexes.
 */
@Entity('customer_activity')
@Index(['last_event_at', 'subject'], { where: `status <> 'merged'` })
@Index(['kind', 'status', 'stage', 'last_event_at', 'subject'], { where: 'kind is not null' })
@Index(['owner', 'last_event_at', 'subject'], { where: 'owner is not null' })
@Index(['last_event_at', 'subject'], { where: 'merged_duplicates > 0' })
export class CustomerActivity {
  @PrimaryColumn('uuid') subject!: string;
  /** Business time of the earliest and latest event about the subject, whatever its stream. */
  @Column('timestamptz') first_seen_at!: Date;
  @Column('timestamptz') last_event_at!: Date;
  /** As in `customers`; null of who never registered. */
  @Column('text', { nullable: true }) kind!: ContactKind | null;
  @Column('text', { nullable: true }) status!: ContactStatus | null;
  @Column('text', { nullable: true }) status_before!: ContactStatus | null;
  @Column('text', { nullable: true }) stage!: LifecycleStage | null;
  @Column('text', { nullable: true }) owner!: string | null;
  @Column('integer') merged_duplicates!: number;
}

/** Who has a tag. */
@Entity('customer_tags')
@Index(['tag', 'subject'])
export class CustomerTag {
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('text') tag!: string;
}

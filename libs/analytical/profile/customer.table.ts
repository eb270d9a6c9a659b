import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { NumberedPoint } from '#contracts/contacts/contact.events.js';
import type {
  ContactKind,
  ContactStatus,
  Identity,
  LifecycleStage,
  TypedValue,
} from '#contracts/contacts/contact-terms.js';

/** A contact point, with when it was last shown to work. */
export type CustomerPoint = NumberedPoint & { verifiedAt?: string };

/** What a third party says of a customer: the newest of each name from each source. */
export interface CustomerFact {
  name: string;
  content: TypedValue;
  source: string;
  date: string;
  licence: string;
}

/** The profile of a contact, under its own id also after a merge. */
@Entity('customers')
@Index(['name', 'subject'])
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
  @Column('text') name!: string;
  /** Parts of the name, birth date, language and the like, as the contact's details have them. */
  @Column('jsonb') details!: Record<string, unknown>;
  @Column('jsonb') points!: CustomerPoint[];
  @Column('jsonb') identities!: Identity[];
  @Column('jsonb') attributes!: Record<string, TypedValue>;
  @Column('jsonb') facts!: CustomerFact[];
  @Column('jsonb') tags!: string[];
  @Column('text', { nullable: true }) owner!: string | null;
  @Column('text', { nullable: true }) origin!: string | null;
}

/**
 * When a subject was first and last heard of. A table of its own, as every event may move it: a narrow row, of which
 * only the day is indexed, so that the events of one day are written in place.
 */
@Entity('customer_activity')
@Index(['last_event_on'])
export class CustomerActivity {
  @PrimaryColumn('uuid') subject!: string;
  /** Business time of the earliest and latest event about the subject, whatever its stream. */
  @Column('timestamptz') first_seen_at!: Date;
  @Column('timestamptz') last_event_at!: Date;
  /** In universal time. */
  @Column('date') last_event_on!: string;
}

import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { RelationKind } from '#contracts/contacts/contact-terms.js';

/** A relation of a contact to another; stored with both. */
@Entity('customer_relations')
export class CustomerRelation {
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('text') kind!: RelationKind;
  @PrimaryColumn('uuid') other!: string;
  @PrimaryColumn('text') direction!: 'to' | 'from';
  @Column('timestamptz') since!: Date;
}

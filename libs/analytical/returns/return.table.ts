import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** What a customer gave back, by currency: returns that were refunded or exchanged. */
@Entity('customer_returns')
export class CustomerReturns {
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('text') currency!: string;
  /** Those refunded. */
  @Column('integer') returns!: number;
  /** Paid back for returns. */
  @Column('numeric') refunds!: string;
  /** Taken off what was due for goods that came back, as no more was paid. */
  @Column('numeric') credited!: string;
  /** What goods were bought for that were exchanged; the replacement is an order. */
  @Column('numeric') exchanged!: string;
}

/** A return as it stands after its last event. */
@Entity('returns')
@Index(['id'])
@Index(['requested_at', 'id'])
@Index(['subject', 'requested_at', 'id'])
@Index(['number', 'requested_at', 'id'])
@Index(['status', 'requested_at', 'id'])
@Index(['currency', 'requested_at', 'id'])
@Index(['order_id', 'requested_at', 'id'])
export class ReturnRow {
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('uuid') id!: string;
  @Column('text', { nullable: true }) number!: string | null;
  @Column('text') status!: string;
  @Column('uuid', { nullable: true }) contact!: string | null;
  @Column('uuid', { nullable: true }) order_id!: string | null;
  /** The order that brings the replacement of an exchange. */
  @Column('uuid', { nullable: true }) replacement!: string | null;
  @Column('text') currency!: string;
  /** What was asked back, and what was paid back. */
  @Column('numeric') value!: string;
  @Column('numeric') refunded!: string;
  /** The rest of what was refunded: taken off what was due for the order. */
  @Column('numeric') credited!: string;
  @Column('integer') lines!: number;
  @Column('text', { nullable: true }) salesperson!: string | null;
  @Column('text') zone!: string;
  @Column('timestamptz') requested_at!: Date;
  @Column('date') requested_on!: string;
  @Column('timestamptz', { nullable: true }) refunded_at!: Date | null;
  @Column('date', { nullable: true }) refunded_on!: string | null;
  @Column('timestamptz', { nullable: true }) closed_at!: Date | null;
}

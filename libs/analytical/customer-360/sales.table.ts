import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** What a customer is worth, by currency: completed orders and refunded returns; and the money that passed. */
@Entity('customer_sales')
export class CustomerSales {
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('text') currency!: string;
  @Column('integer') orders!: number;
  @Column('integer') adjustments!: number;
  @Column('integer') returns!: number;
  @Column('timestamptz', { nullable: true }) first_order_at!: Date | null;
  @Column('timestamptz', { nullable: true }) last_order_at!: Date | null;
  /** Exact net of orders and adjustments. */
  @Column('numeric') value!: string;
  /** Paid back for returns. */
  @Column('numeric') refunds!: string;
  /** Taken off what was due for goods that came back, as no more was paid. */
  @Column('numeric') credited!: string;
  /** What goods were bought for that were exchanged; the replacement is an order. */
  @Column('numeric') exchanged!: string;
  /** value less refunds, credited and exchanged. */
  @Column('numeric') net!: string;
  /** Money received for orders, and money paid back: of payments and for returns of orders. */
  @Column('numeric') paid!: string;
  @Column('numeric') paid_back!: string;
}

@Entity('orders')
@Index(['id'])
@Index(['number'])
@Index(['ordered_at', 'id'])
export class OrderRow {
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('uuid') id!: string;
  @Column('text', { nullable: true }) number!: string | null;
  @Column('text') kind!: string;
  @Column('text') status!: string;
  /** Whom it was placed for, or whom a walk-in order was attached to. */
  @Column('uuid', { nullable: true }) contact!: string | null;
  @Column('text') currency!: string;
  @Column('numeric') net!: string;
  @Column('numeric') invoiced!: string;
  @Column('numeric') paid!: string;
  /** Of payments and for returns. */
  @Column('numeric') paid_back!: string;
  /** Moved here by exchanges, less what they moved away. */
  @Column('numeric') moved!: string;
  /** Still due, and paid above what the order comes to, in the currency's minor unit. */
  @Column('numeric') outstanding!: string;
  @Column('numeric') overpaid!: string;
  /** How many lines. */
  @Column('integer') lines!: number;
  @Column('text', { nullable: true }) channel!: string | null;
  @Column('text', { nullable: true }) salesperson!: string | null;
  /** The shop's zone: what its days are days of. */
  @Column('text') zone!: string;
  /** When it was placed; drafted, while it is a draft. */
  @Column('timestamptz') ordered_at!: Date;
  @Column('date') ordered_on!: string;
  @Column('timestamptz', { nullable: true }) completed_at!: Date | null;
  @Column('date', { nullable: true }) completed_on!: string | null;
  @Column('timestamptz', { nullable: true }) cancelled_at!: Date | null;
}

@Entity('returns')
@Index(['id'])
@Index(['number'])
@Index(['requested_at', 'id'])
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

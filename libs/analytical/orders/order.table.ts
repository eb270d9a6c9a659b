import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** What a customer bought, by currency: completed orders; and the money that passed. */
@Entity('customer_sales')
export class CustomerSales {
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('text') currency!: string;
  @Column('integer') orders!: number;
  @Column('integer') adjustments!: number;
  @Column('timestamptz', { nullable: true }) first_order_at!: Date | null;
  @Column('timestamptz', { nullable: true }) last_order_at!: Date | null;
  /** Exact net of orders and adjustments. */
  @Column('numeric') value!: string;
  /** Money received for orders, and money paid back: of payments and for returns of orders. */
  @Column('numeric') paid!: string;
  @Column('numeric') paid_back!: string;
}

/** An order as it stands after its last event. */
@Entity('orders')
@Index(['id'])
@Index(['ordered_at', 'id'])
@Index(['subject', 'ordered_at', 'id'])
@Index(['number', 'ordered_at', 'id'])
@Index(['status', 'ordered_at', 'id'])
@Index(['kind', 'ordered_at', 'id'])
@Index(['currency', 'ordered_at', 'id'])
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

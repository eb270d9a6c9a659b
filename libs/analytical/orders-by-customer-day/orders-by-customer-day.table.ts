import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * What one customer bought and gave back on one day, in one currency. A day is the day in the zone of the
 * shop where it happened. Columns are named as in SQL, so that folds and queries speak one language.
 */
@Entity('orders_by_customer_day')
@Index(['currency', 'day'])
@Index(['day', 'currency'])
export class OrdersByCustomerDay {
  /** The contact, or for a walk-in sale the order itself. */
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('date') day!: string;
  @PrimaryColumn('text') currency!: string;
  /** False for a walk-in: it is nobody's until an alias says whose. */
  @Column('boolean') contact!: boolean;
  /** Completed sales. */
  @Column('integer') orders!: number;
  /** Completed corrections of the books, which are no sales. */
  @Column('integer') adjustments!: number;
  /** Lines of orders and adjustments. */
  @Column('integer') lines!: number;
  /** Exact sum of the net of orders and adjustments. */
  @Column('numeric') value!: string;
  /** Sales with at least one line of quantity and price above 0: what frequency counts. */
  @Column('integer') sale_orders!: number;
  @Column('integer') sale_lines!: number;
  @Column('numeric') sale_value!: string;
  /** Returns that were refunded, credit notes included. */
  @Column('integer') returns!: number;
  @Column('integer') return_lines!: number;
  /** Paid back for them, and taken off what was due as no more was paid. */
  @Column('numeric') refunds!: string;
  @Column('numeric') credited!: string;
  /**
   * Returns that were exchanged, and what the goods taken back were bought for; the replacement is an order. Less those
   * that were undone that day, so that a day may be below 0.
   */
  @Column('integer') exchanges!: number;
  @Column('numeric') exchanged!: string;
}

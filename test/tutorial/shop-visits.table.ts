import { Column, Entity, PrimaryColumn } from 'typeorm';

/** How often a customer came to a shop. The key begins with the customer: every row belongs to one. */
@Entity('shop_visits')
export class ShopVisits {
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('text') shop!: string;
  @Column('integer') visits!: number;
  @Column('timestamptz') last_at!: Date;
}

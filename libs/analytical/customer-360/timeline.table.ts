import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** One row for each event, under the subject that it happened to; by far the most rows, so as narrow as can be. */
@Entity('timeline')
@Index(['subject', 'occurred_at', 'position'])
export class TimelineEntry {
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('bigint') position!: bigint;
  @Column('timestamptz') occurred_at!: Date;
  @Column('text') type!: string;
  @Column('text') stream!: string;
  /** A few open fields of the event, never a personal one. */
  @Column('jsonb') summary!: Record<string, unknown>;
}

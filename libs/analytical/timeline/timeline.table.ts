import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One row for each event, under the subject that it happened to; by far the most rows, so as narrow as can be. */
@Entity('timeline')
export class TimelineEntry {
  @PrimaryColumn('uuid') subject!: string;
  // In the key, though the position would do, so that the one index gives a subject's entries in order of time.
  @PrimaryColumn('timestamptz') occurred_at!: Date;
  @PrimaryColumn('bigint') position!: bigint;
  @Column('text') type!: string;
  @Column('text') stream!: string;
  /** A few open fields of the event, never a personal one. */
  @Column('jsonb') summary!: Record<string, unknown>;
}

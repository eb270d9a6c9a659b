import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * Whose facts a subject's facts are: a merged contact's are its survivor's, a walk-in order's are those of the
 * contact that it was attached to. Facts never move, so taking the alias away gives both parties' figures back.
 */
@Entity('alias')
@Index(['target'])
export class Alias {
  @PrimaryColumn('uuid') subject!: string;
  @Column('uuid') target!: string;
  /** `merged` or `attached`. */
  @Column('text') reason!: string;
  @Column('timestamptz') since!: Date;
}

import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { CaseChannel, CaseKind, CasePriority, CaseStatus } from '#contracts/service/case.events.js';
import type { z } from 'zod';
import type { Erased } from '#platform/kernel/erased.js';
import { Personal } from '#platform/projections/definition/personal.js';

/** A case as it stands after its last event. */
@Entity('cases')
@Index(['id'])
@Index(['opened_at', 'id'])
@Index(['subject', 'opened_at', 'id'])
@Index(['number', 'opened_at', 'id'])
@Index(['status', 'opened_at', 'id'])
@Index(['is_open', 'opened_at', 'id'])
@Index(['kind', 'opened_at', 'id'])
@Index(['queue', 'opened_at', 'id'])
@Index(['assignee', 'opened_at', 'id'])
@Index(['priority', 'opened_at', 'id'])
export class CaseRow {
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('uuid') id!: string;
  @Column('text', { nullable: true }) number!: string | null;
  @Column('uuid', { nullable: true }) contact!: string | null;
  @Personal() @Column('text') title!: string | Erased;
  @Column('text') kind!: CaseKind;
  @Column('text', { nullable: true }) category!: string | null;
  @Column('text') channel!: z.infer<typeof CaseChannel>;
  @Column('text') priority!: CasePriority;
  @Column('text', { nullable: true }) queue!: string | null;
  @Column('text', { nullable: true }) assignee!: string | null;
  @Column('text') status!: CaseStatus;
  /** Somebody has to do something yet, or wait for it. */
  @Column('boolean') is_open!: boolean;
  @Column('timestamptz') opened_at!: Date;
  @Column('timestamptz', { nullable: true }) first_responded_at!: Date | null;
  /** Of the last resolution; null again when the case is reopened. */
  @Column('timestamptz', { nullable: true }) resolved_at!: Date | null;
  @Column('timestamptz', { nullable: true }) closed_at!: Date | null;
  @Column('text', { nullable: true }) resolution!: string | null;
  @Column('integer') reopenings!: number;
  /** 0: never escalated. */
  @Column('integer') escalation_level!: number;
  /** 1 to 5. */
  @Column('integer', { nullable: true }) satisfaction!: number | null;
  /** The case that this one is a duplicate of. */
  @Column('uuid', { nullable: true }) merged_into!: string | null;
  @Column('timestamptz') last_event_at!: Date;
}

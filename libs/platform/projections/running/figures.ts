import type { Pool } from '#platform/postgres/pool.js';
import type { MemberStatus } from './group-member.js';
import { pausedPartitions } from './paused-partitions.js';

/** What keeps one projection, in numbers. */
export interface ProjectionFigures {
  readonly projection: string;
  /** Events set aside in the live build. */
  readonly deadLetters: number;
  /** Partitions of the live build that wait for newer code. */
  readonly pausedPartitions: number;
  /** Builds that are being filled. */
  readonly buildsRunning: number;
  /** Why it goes on by itself in this process; undefined where it does not. */
  readonly apart: 'other-version' | 'trouble' | undefined;
}

const COUNTS = `select projection, 'deadLetters' as what, count(*)::int as count
      from projections.dead_letters join projections.builds using (projection, generation)
     where status = 'live' group by projection
  union all
  select projection, 'buildsRunning', count(*)::int from projections.builds where status = 'building' group by projection`;

/** The figures of these projections, over all processes; those that go on by themselves, of this one. */
export async function readFigures(
  pool: Pool,
  names: readonly string[],
  alone: readonly MemberStatus[],
): Promise<ProjectionFigures[]> {
  const [{ rows }, paused] = await Promise.all([
    pool.query<{ projection: string; what: 'deadLetters' | 'buildsRunning'; count: number }>({
      name: 'projection-figures',
      text: COUNTS,
    }),
    pausedPartitions(pool),
  ]);
  const counted = new Map(rows.map(({ projection, what, count }) => [`${projection} ${what}`, count]));
  return names.map((projection) => {
    const apart = alone.find((each) => each.projection === projection);
    return {
      projection,
      deadLetters: counted.get(`${projection} deadLetters`) ?? 0,
      pausedPartitions: paused.filter((each) => each.projection === projection).length,
      buildsRunning: counted.get(`${projection} buildsRunning`) ?? 0,
      apart: apart && (apart.isOtherVersion ? 'other-version' : 'trouble'),
    };
  });
}

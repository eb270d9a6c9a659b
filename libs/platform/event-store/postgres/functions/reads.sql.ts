const positionAt = `
-- Last position recorded at or before an instant: recorded_at never decreases, so halving finds it. Positions may have
-- holes: each half is looked at by the first event at or above its middle.
create function store.position_at(p_at timestamptz) returns bigint language plpgsql stable as $$
declare
  low bigint := 0;
  high bigint := coalesce((select e.position from store.events e order by e.position desc limit 1), 0);
  middle bigint;
  found record;
begin
  while low < high loop
    middle := low + (high - low + 1) / 2;
    select e.position, e.recorded_at into found from store.events e
      where e.position >= middle order by e.position limit 1;
    if found.recorded_at <= p_at then low := found.position;
    else high := middle - 1;
    end if;
  end loop;
  -- In a hole: the last event before it.
  return coalesce((select e.position from store.events e where e.position <= low order by e.position desc limit 1), 0);
end $$;`;

const revisionAfter = `
-- First revision of a stream after a position; one past its last where there is none. Positions rise with the
-- revisions of a stream, so halving finds it: a page of a long stream costs no more than one of a short stream.
create function store.revision_after(p_aggregate text, p_aggregate_id uuid, p_position bigint)
returns int language plpgsql stable as $$
declare
  low int := 0;
  high int;
  middle int;
begin
  high := coalesce((select e.revision + 1 from store.events e
                    where e.aggregate_id = p_aggregate_id and e.aggregate = p_aggregate
                    order by e.revision desc limit 1), 0);
  while low < high loop
    middle := (low + high) / 2;
    if (select e.position from store.events e
         where e.aggregate_id = p_aggregate_id and e.revision = middle and e.aggregate = p_aggregate) > p_position
    then high := middle;
    else low := middle + 1;
    end if;
  end loop;
  return low;
end $$;`;

export const readFunctions = [positionAt, revisionAfter].join('\n');

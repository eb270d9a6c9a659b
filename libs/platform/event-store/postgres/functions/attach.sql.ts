import { APPEND_LOCK } from '../names.js';

/**
 * What tells one server and its history from another. `system`: the cluster's identifier, the database and the table,
 * so that a dump restored beside the old one is told apart too; `timeline`: grows with each promotion of a replica and
 * each recovery to a point in time. A server that does not say (0, `?`) is told by the events that are known.
 */
const server = `
create function store.server(out system text, out timeline int) language plpgsql as $$
declare
  identifier text := '?';
begin
  timeline := 0;
  begin
    select c.system_identifier::text into identifier from pg_control_system() c;
    timeline := ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int;
  exception when insufficient_privilege or undefined_function or feature_not_supported then
    null;
  end;
  system := identifier || '/' || (select d.oid from pg_database d where d.datname = current_database())
    || '/' || 'store.events'::regclass::oid;
end $$;`;

/**
 * Begins an incarnation above all positions that were ever given. Those after the first start at the seconds since 1970
 * times a million: a log restored from before an earlier fork does not know that one's positions, but the clock has
 * moved on, and no log takes a million positions a second.
 */
const begin = `
create function store.begin_incarnation(p_reason text, p_forked_at bigint) returns int language plpgsql as $$
declare
  here record;
  head bigint;
  upcoming int;
begin
  perform pg_advisory_xact_lock(${APPEND_LOCK});
  select * into here from store.server();
  head := coalesce((select e.position from store.events e order by e.position desc limit 1), 0);
  upcoming := coalesce((select max(i.number) from store.incarnations i), 0) + 1;
  insert into store.incarnations (number, id, forked_at, follows, begins_at, system, timeline, reason, began_at)
  values (upcoming, gen_random_uuid(), coalesce(p_forked_at, head), head,
    case when upcoming = 1 then 1
         else greatest(head / 1000000 + 1, extract(epoch from clock_timestamp())::bigint) * 1000000 + 1 end,
    here.system, here.timeline, p_reason, clock_timestamp());
  return upcoming;
end $$;`;

/**
 * Asked on every new connection, with the last event that the process knows and the incarnation that it knew it in.
 * Begins an incarnation where the log is found on a new timeline, or without an event that it should hold. Another
 * system is a person's decision: it raises YD421. Returns the log's identity as JSON; a replica says what it has.
 */
const attach = `
create function store.attach(p_position bigint, p_event uuid, p_incarnation int) returns json language plpgsql as $$
declare
  here record;
  last store.incarnations;
  found_event uuid;
  expected boolean;
begin
  if not pg_is_in_recovery() then
    for attempt in 1..2 loop
      select * into here from store.server();
      select * into last from store.incarnations order by number desc limit 1;
      if last.system <> here.system then
        raise exception 'the log was written in the database %, and this is %', last.system, here.system
          using errcode = 'YD421';
      end if;
      -- What a later incarnation has cut off is missing for a reason that is on record.
      expected := p_position > 0 and not exists (select from store.incarnations i
        where i.number > p_incarnation and i.forked_at < p_position);
      if expected then
        select e.id into found_event from store.events e where e.position = p_position;
      end if;
      exit when last.timeline = here.timeline and not (expected and found_event is distinct from p_event);
      -- Twice: who waited for the lock may find that another has begun it.
      if attempt = 1 then
        perform pg_advisory_xact_lock(${APPEND_LOCK});
      elsif last.timeline <> here.timeline then
        perform store.begin_incarnation('a new timeline', null);
      elsif found_event is null then
        perform store.begin_incarnation('commits were lost', null);
      else
        -- Positions were given again before anybody noticed: nothing that was told before can be relied on.
        perform store.begin_incarnation('positions were given twice', 0);
      end if;
    end loop;
  end if;
  return (select json_build_object('id', l.id, 'secret', encode(l.secret, 'hex'), 'incarnations',
      (select json_agg(json_build_object('number', i.number, 'id', i.id, 'forkedAt', i.forked_at::text,
         'follows', i.follows::text, 'beginsAt', i.begins_at::text, 'reason', i.reason, 'beganAt', i.began_at) order by i.number)
       from store.incarnations i))
    from store.log l);
end $$;`;

export const attachFunctions = [server, begin, attach].join('\n');

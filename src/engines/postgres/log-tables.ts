// The push log as tables. One append is one statement, so that no client that stands still holds the others up; it begins
// by moving the head, whose row is locked until the commit: so positions are taken in the order of the commits, and below
// a head that is seen nothing is still to come. (A sequence would hand positions out in another order than that in which
// they become visible.) Values are texts (text-value.ts): the columns of a target change from push to push, and a table
// that is altered waits for all who read it, and all wait for it.

/** What the log is kept in, from release 1 of its form on. Safe to run again, and by several at once under the lock. */
export const createTables = `
create table if not exists push_format (format int not null);
create table if not exists push_head (next bigint not null);
create table if not exists push_shape (
  shape int generated always as identity primary key,
  target_kind text not null,
  target_name text not null,
  columns text not null,
  hash text not null,
  unique (target_kind, target_name, hash)
);
create table if not exists push_row (
  position bigint not null,
  n int not null,
  shape int not null,
  "to" text not null,
  event bigint not null,
  created bigint not null,
  tie bigint not null,
  vals text[] not null,
  primary key (position, n)
);
create index if not exists push_row_by_shape on push_row (shape, event);
create table if not exists push_letter (
  id text collate "C" primary key,
  position bigint not null,
  at bigint not null,
  target_kind text not null,
  target_name text not null,
  "to" text not null,
  "row" text not null,
  code text not null,
  detail text not null
);
create table if not exists push_key (
  key text collate "C" primary key,
  at bigint not null,
  body_hash text not null,
  answer text not null
);
insert into push_head select 1 where not exists (select 1 from push_head);
insert into push_format select 1 where not exists (select 1 from push_format);
create or replace function push_append(
  records int,
  keys text[], key_at bigint[], key_hash text[], key_answer text[], key_lasts bigint,
  row_record int[], row_n int[], row_shape int[], row_to text[], row_event bigint[], row_created bigint[], row_tie bigint[], row_vals text[],
  letter_record int[], letter_id text[], letter_at bigint[], letter_kind text[], letter_name text[], letter_to text[], letter_row text[], letter_code text[], letter_detail text[],
  replayed_record int[], replayed_id text[]
) returns table (record int, "position" bigint, earlier_at bigint, earlier_hash text, earlier_answer text)
language plpgsql as $append$
declare
  first bigint;
  positions bigint[] := array_fill(null::bigint, array[records]);
  held push_key;
begin
  update push_head set next = next + records returning next - records into first;
  for i in 1..records loop
    held := null;
    if keys[i] is not null then
      select * into held from push_key k where k.key = keys[i] and key_at[i] - k.at < key_lasts;
    end if;
    record := i;
    if held.key is not null then
      "position" := null; earlier_at := held.at; earlier_hash := held.body_hash; earlier_answer := held.answer;
    else
      positions[i] := first + i - 1;
      "position" := positions[i]; earlier_at := null; earlier_hash := null; earlier_answer := null;
      if keys[i] is not null then
        insert into push_key values (keys[i], key_at[i], key_hash[i], key_answer[i])
          on conflict (key) do update set at = excluded.at, body_hash = excluded.body_hash, answer = excluded.answer;
      end if;
    end if;
    return next;
  end loop;
  insert into push_row
    select positions[r], n, s, t, e, c, i, v::text[]
    from unnest(row_record, row_n, row_shape, row_to, row_event, row_created, row_tie, row_vals) as x (r, n, s, t, e, c, i, v)
    where positions[r] is not null;
  insert into push_letter
    select d, positions[r], a, k, m, t, w, o, l
    from unnest(letter_record, letter_id, letter_at, letter_kind, letter_name, letter_to, letter_row, letter_code, letter_detail) as x (r, d, a, k, m, t, w, o, l)
    where positions[r] is not null
    on conflict (id) do update set position = excluded.position, at = excluded.at, target_kind = excluded.target_kind,
      target_name = excluded.target_name, "to" = excluded."to", "row" = excluded."row", code = excluded.code, detail = excluded.detail;
  delete from push_letter using unnest(replayed_record, replayed_id) as x (r, d)
    where push_letter.id = x.d and positions[x.r] is not null;
end $append$;
`

/** Taken while tables are made, until the end of the transaction. */
export const schemaLock = `select pg_advisory_xact_lock(1886547815, hashtext(current_schema()))`

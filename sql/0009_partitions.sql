-- Only on Postgres.
-- The trail in partitions of a week: retention drops whole tables, and no query of a time reads the others. By id, as
-- a UUID v7 begins with its time: the primary keys stay, and an end lies in the week of its call. What is there already
-- is the first partition, as it is. It is read once, under the lock that a migration takes anyway.
DO $partitions$
DECLARE
  -- The Monday after now, 00:00 UTC, as an id: the end of the week that begins with a Monday, as 1970-01-05 was one.
  next_week constant bigint := (floor((extract(epoch FROM now()) - 345600) / 604800) + 1) * 604800 + 345600;
  hex constant text := lpad(to_hex(next_week * 1000), 12, '0');
  bound constant uuid := (left(hex, 8) || '-' || right(hex, 4) || '-7000-8000-000000000000')::uuid;
  trail text := pg_get_viewdef('postern.trail'::regclass);
  trail_grants text[];
  kind text;
  id_column text;
  named record;
  statements text[];
  statement text;
BEGIN
  -- Whoever may read the trail or add to it may go on: rights stay with the table that they were given for.
  trail_grants := ARRAY(
    SELECT format('GRANT %s ON postern.trail TO %s', a.privilege_type,
      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
    FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = 'postern.trail'::regclass AND a.grantee <> c.relowner);
  DROP VIEW postern.trail;

  FOREACH kind IN ARRAY ARRAY['calls', 'ends'] LOOP
    id_column := CASE kind WHEN 'calls' THEN 'id' ELSE 'call_id' END;
    statements := ARRAY(
      SELECT pg_get_indexdef(indexrelid) FROM pg_index
      WHERE indrelid = ('postern.trail_' || kind)::regclass AND NOT indisprimary) || ARRAY(
      SELECT format('GRANT %s ON postern.trail_%s TO %s', a.privilege_type, kind,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
      FROM pg_class c, aclexplode(c.relacl) a
      WHERE c.oid = ('postern.trail_' || kind)::regclass AND a.grantee <> c.relowner);
    FOR named IN
      SELECT indexrelid::regclass AS index, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE indrelid = ('postern.trail_' || kind)::regclass
    LOOP
      EXECUTE format('ALTER INDEX %s RENAME TO %I', named.index, named.relname || '_first');
    END LOOP;

    EXECUTE format('ALTER TABLE postern.trail_%s RENAME TO trail_%s_first', kind, kind);
    EXECUTE format(
      'CREATE TABLE postern.trail_%s (LIKE postern.trail_%s_first INCLUDING DEFAULTS INCLUDING CONSTRAINTS
         INCLUDING STORAGE, CONSTRAINT trail_%s_pkey PRIMARY KEY (%s)) PARTITION BY RANGE (%s)',
      kind, kind, kind, id_column, id_column);
    -- For ids of clocks that jumped, and for all where no partition was made ahead: no call fails for want of one.
    EXECUTE format('CREATE TABLE postern.trail_%s_default PARTITION OF postern.trail_%s DEFAULT', kind, kind);
    EXECUTE format(
      'WITH later AS (DELETE FROM postern.trail_%s_first WHERE %s >= %L RETURNING *)
       INSERT INTO postern.trail_%s_default SELECT * FROM later', kind, id_column, bound, kind);
    EXECUTE format('ALTER TABLE postern.trail_%s ATTACH PARTITION postern.trail_%s_first
      FOR VALUES FROM (MINVALUE) TO (%L)', kind, kind, bound);
    FOREACH statement IN ARRAY statements LOOP
      EXECUTE statement;
    END LOOP;
  END LOOP;

  EXECUTE 'CREATE VIEW postern.trail AS ' || trail;
  FOREACH statement IN ARRAY trail_grants LOOP
    EXECUTE statement;
  END LOOP;
END
$partitions$;

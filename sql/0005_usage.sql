-- What keys did, by hour and by day, so that no view reads the trail. Written in the statement that writes the trail's
-- rows. The writer is part of the key: nodes never wait for each other. Rows that belong to no key have the nil UUID.

-- durations: how many calls took how long; the buckets' ends are in domain/usage-store.ts. Null where none is known.
CREATE TABLE postern.usage_hourly (
  key_id    uuid NOT NULL,
  hour      timestamptz(3) NOT NULL,
  -- The start of the name: an index row holds 2,704 bytes. Empty for what is no call of a tool.
  tool      text NOT NULL,
  outcome   text NOT NULL CHECK (outcome IN ('succeeded', 'failed', 'denied', 'aborted', 'passed', 'unknown')),
  writer    text NOT NULL,
  calls     bigint NOT NULL,
  durations integer[],
  last_at   timestamptz(3) NOT NULL,
  CONSTRAINT usage_hourly_once PRIMARY KEY (key_id, hour, tool, outcome, writer)
) WITH (fillfactor = 70); -- room for counts to be updated in place
-- For the keys that call a tool.
CREATE INDEX usage_hourly_tool ON postern.usage_hourly (tool, key_id, hour);
-- For the tools that are known. Names that were only ever denied are whatever a caller sent, and may be many.
CREATE INDEX usage_hourly_known ON postern.usage_hourly (tool) WHERE outcome <> 'denied';

CREATE TABLE postern.usage_daily (
  key_id  uuid NOT NULL,
  day     date NOT NULL,
  writer  text NOT NULL,
  calls   bigint NOT NULL,
  refused bigint NOT NULL,
  CONSTRAINT usage_daily_once PRIMARY KEY (key_id, day, writer)
) WITH (fillfactor = 70);

-- The trail that is there already.
INSERT INTO postern.usage_hourly (key_id, hour, tool, outcome, writer, calls, durations, last_at)
SELECT key_id, hour, tool, outcome, writer, sum(count),
  CASE WHEN count(bucket) > 0 THEN ARRAY[
      count(*) FILTER (WHERE bucket = 0), count(*) FILTER (WHERE bucket = 1),
      count(*) FILTER (WHERE bucket = 2), count(*) FILTER (WHERE bucket = 3),
      count(*) FILTER (WHERE bucket = 4), count(*) FILTER (WHERE bucket = 5),
      count(*) FILTER (WHERE bucket = 6), count(*) FILTER (WHERE bucket = 7),
      count(*) FILTER (WHERE bucket = 8), count(*) FILTER (WHERE bucket = 9),
      count(*) FILTER (WHERE bucket = 10), count(*) FILTER (WHERE bucket = 11),
      count(*) FILTER (WHERE bucket = 12), count(*) FILTER (WHERE bucket = 13),
      count(*) FILTER (WHERE bucket = 14), count(*) FILTER (WHERE bucket = 15),
      count(*) FILTER (WHERE bucket = 16), count(*) FILTER (WHERE bucket = 17),
      count(*) FILTER (WHERE bucket = 18), count(*) FILTER (WHERE bucket = 19),
      count(*) FILTER (WHERE bucket = 20), count(*) FILTER (WHERE bucket = 21),
      count(*) FILTER (WHERE bucket = 22), count(*) FILTER (WHERE bucket = 23),
      count(*) FILTER (WHERE bucket = 24), count(*) FILTER (WHERE bucket = 25),
      count(*) FILTER (WHERE bucket = 26), count(*) FILTER (WHERE bucket = 27),
      count(*) FILTER (WHERE bucket = 28), count(*) FILTER (WHERE bucket = 29),
      count(*) FILTER (WHERE bucket = 30), count(*) FILTER (WHERE bucket = 31)
  ]::integer[] END,
  max(last_at)
FROM (
  SELECT coalesce(key_id, '00000000-0000-0000-0000-000000000000') AS key_id,
    date_bin('1 hour', at, '2000-01-01T00:00:00Z') AS hour, coalesce(left(tool, 128), '') AS tool, outcome, writer,
    count, last_at,
    CASE WHEN outcome <> 'denied' THEN width_bucket(duration_ms, ARRAY[
      1, 1.5, 2.2, 3.3, 5, 7.5, 11, 17, 25, 38, 57, 86, 130, 190, 290, 430, 650, 970, 1500, 2200, 3300, 4900, 7400,
      11000, 17000, 25000, 37000, 56000, 84000, 130000, 190000
    ]::float8[]) END AS bucket
  FROM postern.trail
) facts
GROUP BY key_id, hour, tool, outcome, writer;

INSERT INTO postern.usage_daily (day, key_id, writer, calls, refused)
SELECT (hour AT TIME ZONE 'UTC')::date, key_id, writer, sum(calls),
  coalesce(sum(calls) FILTER (WHERE outcome = 'denied'), 0)
FROM postern.usage_hourly GROUP BY 1, 2, 3;

-- The list of keys, by name and by end. None on the last use: it would have to be moved with each of them.
CREATE INDEX service_api_keys_name ON postern.service_api_keys (lower(name), id);
CREATE INDEX service_api_keys_end ON postern.service_api_keys (least(expires_at, retires_at), id);

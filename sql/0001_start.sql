-- The start: service users, their keys, the changes made to both, and the trail.
-- No trigger, sequence or advisory lock, so that Postgres-compatible distributed engines run it as well.

CREATE TABLE postern.service_users (
  id          uuid PRIMARY KEY,
  name        text NOT NULL,
  owner       text NOT NULL,
  customer    text,
  created_by  text NOT NULL,
  created_at  timestamptz(3) NOT NULL,
  disabled_at timestamptz(3),
  CONSTRAINT service_users_name_unique UNIQUE (name)
);

CREATE TABLE postern.service_api_keys (
  id              uuid PRIMARY KEY,
  service_user_id uuid NOT NULL
    CONSTRAINT service_api_keys_service_user_exists REFERENCES postern.service_users (id),
  hashed_token    bytea NOT NULL,
  expires_at      timestamptz(3) NOT NULL,
  revoked_at      timestamptz(3),
  revoked_reason  text,
  retires_at      timestamptz(3),
  predecessor_id  uuid REFERENCES postern.service_api_keys (id),
  start           text NOT NULL,
  name            text NOT NULL,
  grants          jsonb NOT NULL,
  created_by      text NOT NULL,
  created_at      timestamptz(3) NOT NULL,
  last_used_at    timestamptz(3),
  CONSTRAINT service_api_keys_hashed_token_unique UNIQUE (hashed_token),
  CONSTRAINT service_api_keys_hashed_token_is_sha256 CHECK (octet_length(hashed_token) = 32),
  CONSTRAINT service_api_keys_grants_is_object CHECK (jsonb_typeof(grants) = 'object'),
  CONSTRAINT service_api_keys_revoked_with_reason CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
) WITH (fillfactor = 80); -- room for last_used_at to be updated in place

CREATE INDEX service_api_keys_service_user ON postern.service_api_keys (service_user_id, id DESC);

-- One row. Its lock makes the numbers of changes follow the order in which they commit.
CREATE TABLE postern.change_counter (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  epoch    bigint NOT NULL
);
INSERT INTO postern.change_counter (epoch) VALUES (0);

CREATE TABLE postern.changes (
  epoch        bigint PRIMARY KEY,
  actor        text NOT NULL,
  subject_kind text NOT NULL CHECK (subject_kind IN ('service-user', 'service-key')),
  subject_id   uuid NOT NULL,
  what         text NOT NULL,
  reason       text,
  at           timestamptz(3) NOT NULL
);

CREATE INDEX changes_subject ON postern.changes (subject_id, epoch DESC);

-- The first fact of a call. Never updated. No foreign keys: a call is recorded whatever became of its key.
CREATE TABLE postern.trail_calls (
  id              uuid PRIMARY KEY,
  writer          text NOT NULL,
  boot            text NOT NULL,
  sequence        bigint NOT NULL,
  at              timestamptz(3) NOT NULL,
  request_id      text NOT NULL,
  credential_kind text CHECK (credential_kind IN ('session', 'jwt', 'service-key')),
  key_id          uuid,
  service_user_id uuid,
  http_method     text,
  path            text,
  method          text,
  tool            text,
  outcome         text CHECK (outcome IN ('succeeded', 'failed', 'denied', 'aborted', 'passed', 'unknown')),
  reason          text,
  status          integer,
  duration_ms     double precision,
  client_address  text,
  user_agent      text,
  count           integer NOT NULL,
  last_at         timestamptz(3) NOT NULL,
  recorded_at     timestamptz(3) NOT NULL DEFAULT now()
);

CREATE INDEX trail_calls_key ON postern.trail_calls (key_id, id DESC) WHERE key_id IS NOT NULL;
CREATE INDEX trail_calls_service_user ON postern.trail_calls (service_user_id, id DESC)
  WHERE service_user_id IS NOT NULL;
-- The start of the name only: an index row holds 2,704 bytes, and a caller must not be able to fail a batch.
CREATE INDEX trail_calls_tool ON postern.trail_calls (left(tool, 128), id DESC) WHERE tool IS NOT NULL;
-- For following the trail. Not BRIN: where nothing vacuums (embedded), that reads the whole table each time.
CREATE INDEX trail_calls_recorded_at ON postern.trail_calls (recorded_at);

-- The second fact: how a call ended whose row was written at its headers.
CREATE TABLE postern.trail_ends (
  call_id     uuid PRIMARY KEY,
  at          timestamptz(3) NOT NULL,
  outcome     text NOT NULL CHECK (outcome IN ('succeeded', 'failed', 'denied', 'aborted', 'passed', 'unknown')),
  reason      text,
  status      integer,
  duration_ms double precision NOT NULL,
  recorded_at timestamptz(3) NOT NULL DEFAULT now()
);

CREATE VIEW postern.trail AS
SELECT
  c.id, c.writer, c.boot, c.sequence, c.at, c.request_id, c.credential_kind, c.key_id, c.service_user_id,
  c.http_method, c.path, c.method, c.tool,
  coalesce(e.outcome, c.outcome, 'unknown') AS outcome,
  coalesce(e.reason, c.reason) AS reason,
  coalesce(e.status, c.status) AS status,
  coalesce(e.duration_ms, c.duration_ms) AS duration_ms,
  c.client_address, c.user_agent, c.count, c.last_at, c.recorded_at
FROM postern.trail_calls c
LEFT JOIN postern.trail_ends e ON e.call_id = c.id;

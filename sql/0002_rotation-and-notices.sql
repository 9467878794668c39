-- Rotation, the rules that keys live by, and the notices that are due to their owners.

-- Without an owner only where the settings don't require one.
ALTER TABLE postern.service_users ALTER COLUMN owner DROP NOT NULL;
ALTER TABLE postern.service_users ADD COLUMN backup_owner text;

-- Set for keys that may rotate themselves: whose token made this one, and the end of all that may come of it.
ALTER TABLE postern.service_api_keys ADD COLUMN minted_by uuid REFERENCES postern.service_api_keys (id);
ALTER TABLE postern.service_api_keys ADD COLUMN family_ends_at timestamptz(3);

-- A key is rotated into one. A successor that was revoked makes room for another.
CREATE UNIQUE INDEX service_api_keys_one_successor ON postern.service_api_keys (predecessor_id)
  WHERE predecessor_id IS NOT NULL AND revoked_at IS NULL;
-- Revoked successors too: what came of a key is followed through them.
CREATE INDEX service_api_keys_predecessor ON postern.service_api_keys (predecessor_id)
  WHERE predecessor_id IS NOT NULL;
CREATE INDEX service_api_keys_minted_by ON postern.service_api_keys (minted_by) WHERE minted_by IS NOT NULL;

-- What an actor's Idempotency-Key led to, and the digest of what was asked. Never a secret.
CREATE TABLE postern.idempotency_keys (
  actor      text NOT NULL,
  key        text NOT NULL,
  request    bytea NOT NULL,
  subject_id uuid NOT NULL,
  at         timestamptz(3) NOT NULL,
  CONSTRAINT idempotency_keys_once PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_keys_at ON postern.idempotency_keys (at);

-- When the sweep has to look at a key next. Apart from the keys, so that a sweep holds nothing that verification
-- or the trail touches. A change locks its service user's rows here too, so that it and a sweep wait for each other.
CREATE TABLE postern.key_schedule (
  key_id uuid PRIMARY KEY REFERENCES postern.service_api_keys (id),
  due_at timestamptz(3) NOT NULL
);
CREATE INDEX key_schedule_due_at ON postern.key_schedule (due_at);
INSERT INTO postern.key_schedule (key_id, due_at)
  SELECT id, created_at FROM postern.service_api_keys WHERE revoked_at IS NULL;

-- The outbox: one row an occasion, however many nodes find it due.
CREATE TABLE postern.notices (
  id              uuid PRIMARY KEY,
  occasion        text NOT NULL,
  kind            text NOT NULL,
  key_id          uuid,
  service_user_id uuid,
  facts           jsonb,
  created_at      timestamptz(3) NOT NULL,
  routed_at       timestamptz(3),
  acknowledged_at timestamptz(3),
  acknowledged_by text,
  CONSTRAINT notices_occasion_once UNIQUE (occasion)
);
CREATE INDEX notices_unrouted ON postern.notices (id) WHERE routed_at IS NULL;
CREATE INDEX notices_key ON postern.notices (key_id, id DESC) WHERE key_id IS NOT NULL;
CREATE INDEX notices_service_user ON postern.notices (service_user_id, id DESC) WHERE service_user_id IS NOT NULL;
CREATE INDEX notices_unacknowledged ON postern.notices (id DESC) WHERE acknowledged_at IS NULL;

-- One row a notice, channel and recipient. A claim moves due_at ahead, so that it lapses by itself.
CREATE TABLE postern.deliveries (
  id         uuid PRIMARY KEY,
  notice_id  uuid NOT NULL REFERENCES postern.notices (id),
  channel    text NOT NULL CHECK (channel IN ('email', 'webhook', 'slack')),
  recipient  text NOT NULL,
  state      text NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
  attempts   integer NOT NULL,
  due_at     timestamptz(3) NOT NULL,
  settled_at timestamptz(3),
  CONSTRAINT deliveries_once UNIQUE (notice_id, channel, recipient)
);
CREATE INDEX deliveries_waiting ON postern.deliveries (due_at) WHERE state = 'waiting';

-- An attempt without an end was cut off.
CREATE TABLE postern.delivery_attempts (
  delivery_id uuid NOT NULL REFERENCES postern.deliveries (id),
  number      integer NOT NULL,
  started_at  timestamptz(3) NOT NULL,
  ended_at    timestamptz(3),
  failure     text,
  PRIMARY KEY (delivery_id, number)
);

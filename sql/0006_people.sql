-- The people who sign in to the page, how they come in, and the management keys.

ALTER TABLE postern.changes DROP CONSTRAINT changes_subject_kind_check;
ALTER TABLE postern.changes ADD CONSTRAINT changes_subject_kind_check
  CHECK (subject_kind IN ('service-user', 'service-key', 'person', 'management-key'));

CREATE TABLE postern.people (
  id             uuid PRIMARY KEY,
  email          text NOT NULL CONSTRAINT people_email_is_lower_case CHECK (email = lower(email)),
  name           text NOT NULL,
  role           text NOT NULL CHECK (role IN ('admin', 'owner', 'auditor')),
  email_verified boolean NOT NULL,
  image          text,
  created_at     timestamptz(3) NOT NULL,
  updated_at     timestamptz(3) NOT NULL,
  disabled_at    timestamptz(3)
);
-- Whoever was removed may come back as someone new.
CREATE UNIQUE INDEX people_email_once ON postern.people (email) WHERE disabled_at IS NULL;

CREATE TABLE postern.sessions (
  id         uuid PRIMARY KEY,
  user_id    uuid NOT NULL REFERENCES postern.people (id),
  token      text NOT NULL CONSTRAINT sessions_token_once UNIQUE,
  expires_at timestamptz(3) NOT NULL,
  ip_address text,
  user_agent text,
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL
);
CREATE INDEX sessions_user ON postern.sessions (user_id);

CREATE TABLE postern.accounts (
  id                       uuid PRIMARY KEY,
  user_id                  uuid NOT NULL REFERENCES postern.people (id),
  provider_id              text NOT NULL,
  account_id               text NOT NULL,
  access_token             text,
  refresh_token            text,
  id_token                 text,
  access_token_expires_at  timestamptz(3),
  refresh_token_expires_at timestamptz(3),
  scope                    text,
  password                 text,
  created_at               timestamptz(3) NOT NULL,
  updated_at               timestamptz(3) NOT NULL,
  CONSTRAINT accounts_once UNIQUE (provider_id, account_id)
);
CREATE INDEX accounts_user ON postern.accounts (user_id);

CREATE TABLE postern.verifications (
  id         uuid PRIMARY KEY,
  identifier text NOT NULL,
  value      text NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL
);
CREATE INDEX verifications_identifier ON postern.verifications (identifier);

CREATE TABLE postern.passkeys (
  id            uuid PRIMARY KEY,
  user_id       uuid NOT NULL REFERENCES postern.people (id),
  name          text,
  public_key    text NOT NULL,
  credential_id text NOT NULL CONSTRAINT passkeys_credential_once UNIQUE,
  counter       bigint NOT NULL,
  device_type   text NOT NULL,
  backed_up     boolean NOT NULL,
  transports    text,
  aaguid        text,
  created_at    timestamptz(3)
);
CREATE INDEX passkeys_user ON postern.passkeys (user_id);

-- Links into the page, by the SHA-256 of their token: one makes the first administrator, the others who was invited.
CREATE TABLE postern.setup_links (
  hashed_token bytea PRIMARY KEY CHECK (octet_length(hashed_token) = 32),
  created_at   timestamptz(3) NOT NULL,
  expires_at   timestamptz(3) NOT NULL,
  used_at      timestamptz(3)
);

CREATE TABLE postern.invitations (
  id           uuid PRIMARY KEY,
  email        text NOT NULL CONSTRAINT invitations_email_is_lower_case CHECK (email = lower(email)),
  role         text NOT NULL CHECK (role IN ('admin', 'owner', 'auditor')),
  hashed_token bytea NOT NULL CONSTRAINT invitations_token_once UNIQUE CHECK (octet_length(hashed_token) = 32),
  invited_by   text NOT NULL,
  created_at   timestamptz(3) NOT NULL,
  expires_at   timestamptz(3) NOT NULL,
  -- When it was accepted, withdrawn, or replaced by another.
  closed_at    timestamptz(3)
);
CREATE UNIQUE INDEX invitations_open_once ON postern.invitations (email) WHERE closed_at IS NULL;

CREATE TABLE postern.management_keys (
  id           uuid PRIMARY KEY,
  name         text NOT NULL,
  start        text NOT NULL,
  hashed_token bytea NOT NULL CONSTRAINT management_keys_token_once UNIQUE CHECK (octet_length(hashed_token) = 32),
  role         text NOT NULL CHECK (role IN ('admin', 'auditor')),
  created_by   text NOT NULL,
  created_at   timestamptz(3) NOT NULL,
  expires_at   timestamptz(3) NOT NULL,
  revoked_at   timestamptz(3),
  last_used_at timestamptz(3)
);

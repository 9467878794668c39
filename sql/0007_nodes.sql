-- Which processes serve, what each of them has applied, and who does what only one may do. By the database's clock.

-- One row a run: two processes that were given copies of one data directory are two.
CREATE TABLE postern.nodes (
  boot            text PRIMARY KEY,
  id              text NOT NULL,
  host            text NOT NULL,
  version         text NOT NULL,
  applied_epoch   bigint NOT NULL,
  -- How long before seen_at its last successful poll was sent; null before the first.
  lease_age_ms    double precision,
  -- How far the database's clock is ahead of the node's; null until it is measured.
  clock_offset_ms double precision,
  refusing        text,
  seen_at         timestamptz(3) NOT NULL
) WITH (fillfactor = 50); -- room for rows to be updated in place

CREATE TABLE postern.job_leases (
  job     text PRIMARY KEY,
  holder  text NOT NULL,
  ends_at timestamptz(3) NOT NULL
) WITH (fillfactor = 50);

-- database_id: a backup of this database keeps it, and another database has another. restored_epoch: that of the last
-- acknowledgement of a restore, which ends the refusal of nodes that had applied less.
ALTER TABLE postern.change_counter
  ADD COLUMN database_id uuid NOT NULL DEFAULT gen_random_uuid(),
  ADD COLUMN restored_epoch bigint NOT NULL DEFAULT 0;

ALTER TABLE postern.changes DROP CONSTRAINT changes_subject_kind_check;
ALTER TABLE postern.changes ADD CONSTRAINT changes_subject_kind_check
  CHECK (subject_kind IN ('service-user', 'service-key', 'person', 'management-key', 'deployment'));

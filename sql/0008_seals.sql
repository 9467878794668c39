-- Seals: what makes an edit of the trail show. Each batch of rows has one, chained to the writer's seal before it:
-- domain/seal.ts has the format. Inserted in the statement that inserts the rows; never updated, and kept when
-- retention drops the rows. No CHECK, which Postgres would parse anew for each batch: whoever verifies looks anyway.
CREATE TABLE postern.trail_seals (
  writer      text NOT NULL,
  -- From 1, without gaps. A statement whose predecessor isn't there gives NULL, and so fails.
  number      bigint NOT NULL,
  boot        text NOT NULL,
  calls       integer NOT NULL,
  ends        integer NOT NULL,
  -- 64 hexadecimal digits, as they are hashed and exported. Text, and it stays text.
  root        text NOT NULL,
  previous    text NOT NULL,
  seal        text NOT NULL,
  recorded_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT trail_seals_once PRIMARY KEY (writer, number)
);

-- Which seal covers a row: of the call's own writer, and of the end's. NULL for rows from before sealing.
ALTER TABLE postern.trail_calls ADD COLUMN batch bigint;
ALTER TABLE postern.trail_ends ADD COLUMN writer text, ADD COLUMN batch bigint;

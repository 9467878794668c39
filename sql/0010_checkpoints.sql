-- Checkpoints over the seals of all writers, what retention leaves of rows, and how far sinks have followed the trail.

-- text: what is signed, as it was signed (domain/checkpoint.ts); the other columns say where it is looked for.
CREATE TABLE postern.trail_checkpoints (
  number    bigint PRIMARY KEY,
  at        timestamptz(3) NOT NULL,
  is_full   boolean NOT NULL,
  text      text NOT NULL,
  signature text NOT NULL,
  key       text NOT NULL
);
CREATE INDEX trail_checkpoints_full ON postern.trail_checkpoints (number) WHERE is_full;
CREATE INDEX trail_checkpoints_at ON postern.trail_checkpoints (at);

-- Of rows that retention took from batches whose other rows are still there: else those could not be verified.
CREATE TABLE postern.trail_leaves (
  writer text NOT NULL,
  number bigint NOT NULL,
  kind   text NOT NULL CHECK (kind IN ('call', 'end')),
  id     uuid NOT NULL,
  leaf   text NOT NULL,
  PRIMARY KEY (writer, number, kind, id)
);

-- The last batch of each writer that has arrived; the last checkpoint has the empty writer, which no node is called.
CREATE TABLE postern.trail_sinks (
  sink       text NOT NULL,
  writer     text NOT NULL,
  number     bigint NOT NULL,
  arrived_at timestamptz(3) NOT NULL,
  PRIMARY KEY (sink, writer)
);

-- The rows of a batch are found by when they were recorded, as all of them were at once.
CREATE INDEX trail_ends_recorded_at ON postern.trail_ends (recorded_at);

import { isId } from '../../domain/id.ts'
import type { Change, KeyStore } from '../../domain/key-store.ts'
import { instantArray, textArray, uuidArray } from '../array.ts'
import type { Database, Queries } from '../database.ts'

/**
 * Takes an epoch for each of the changes and records them under these, in order; among the last statements of
 * their transaction. The counter's row stays locked until the commit, so epochs follow the order of commits.
 */
export async function recordChanges(
  queries: Queries,
  changes: readonly Omit<Change, 'epoch'>[],
): Promise<void> {
  if (changes.length === 0) return
  const texts = (read: (change: Omit<Change, 'epoch'>) => string | null): Buffer =>
    textArray(changes.map(read))
  const [counter] = await queries.query<{ recorded: number }>(
    `WITH counter AS (
       UPDATE postern.change_counter SET epoch = epoch + $1::integer RETURNING epoch - $1::integer AS before
     ), recorded AS (
       INSERT INTO postern.changes (epoch, actor, subject_kind, subject_id, what, reason, at)
       SELECT counter.before + change.number, actor, subject_kind, subject_id, what, reason, at
       FROM counter, unnest($2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[])
         WITH ORDINALITY AS change (actor, subject_kind, subject_id, what, reason, at, number)
       RETURNING epoch
     )
     SELECT count(*)::integer AS recorded FROM recorded`,
    [
      changes.length,
      texts(({ actor }) => actor),
      texts(({ subjectKind }) => subjectKind),
      uuidArray(changes.map(({ subjectId }) => subjectId)),
      texts(({ what }) => what),
      texts(({ reason }) => reason),
      instantArray(changes.map(({ at }) => at)),
    ],
  )
  if (counter?.recorded !== changes.length) throw new Error('the change counter has no row')
}

type ChangeRow = Omit<Change, 'subjectKind' | 'subjectId'> & {
  subject_kind: Change['subjectKind']
  subject_id: string
}

/** Statements about the history. */
export function changeQueries(database: Database): Pick<KeyStore, 'history'> {
  return {
    history: async (subjectId) => {
      if (!isId(subjectId)) return []
      const rows = await database.query<ChangeRow>(
        `SELECT epoch, actor, subject_kind, subject_id, what, reason, at FROM postern.changes
         WHERE subject_id = $1 ORDER BY epoch DESC`,
        [subjectId],
      )
      return rows.map(({ subject_kind, subject_id, ...rest }) => ({
        ...rest,
        subjectKind: subject_kind,
        subjectId: subject_id,
      }))
    },
  }
}

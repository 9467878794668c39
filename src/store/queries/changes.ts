import { isId } from '../../domain/id.ts'
import type { Change, KeyStore } from '../../domain/ports.ts'
import { instant } from '../database.ts'
import type { Database, Queries } from '../database.ts'

/**
 * Takes the next epoch and records the change under it; the last statements of the change's transaction. The
 * counter's row stays locked until the commit, so epochs follow the order of commits.
 */
export async function recordChange(queries: Queries, change: Omit<Change, 'epoch'>): Promise<void> {
  const [counter] = await queries.query<{ epoch: number }>(
    'UPDATE postern.change_counter SET epoch = epoch + 1 RETURNING epoch',
  )
  if (counter === undefined) throw new Error('the change counter has no row')
  await queries.query(
    `INSERT INTO postern.changes (epoch, actor, subject_kind, subject_id, what, reason, at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [
      counter.epoch,
      change.actor,
      change.subjectKind,
      change.subjectId,
      change.what,
      change.reason,
      instant(change.at),
    ],
  )
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

import type { CallJson } from './schemas-audit.ts'

/**
 * A row's time is that of its transaction, which may commit after one with a later time: so each poll looks back
 * this far behind the newest row that was seen, and what was shown already is dropped.
 */
const overlapMs = 10_000
const firstRows = 10
/** A stream's outcome is a row of its own that comes later: so many polls are waited for it. */
const patiencePolls = 4
const pageRows = 200

/** One page of the trail, newest first. */
export type ReadPage = (query: { recordedFrom?: string; limit: string; cursor?: string }) => Promise<{
  data: CallJson[]
  nextCursor: string | null
}>

/**
 * Follows the trail: each call answers the rows that are new since the one before, oldest first. Of more than
 * `mostRows` in one look the newest are told.
 */
export function follower(readPage: ReadPage, mostRows = Infinity): () => Promise<CallJson[]> {
  const seen = new Map<string, number>()
  const undecided = new Map<string, number>()
  let newestMs: number | null = null

  function isDecided(row: CallJson): boolean {
    const polls = (undecided.get(row.id) ?? 0) + 1
    if (row.outcome !== 'unknown' || polls > patiencePolls) return true
    undecided.set(row.id, polls)
    return false
  }

  async function readAll(recordedFromMs: number): Promise<CallJson[]> {
    const rows: CallJson[] = []
    const recordedFrom = new Date(recordedFromMs).toISOString()
    let cursor: string | undefined
    do {
      const asked = { recordedFrom, limit: String(pageRows), ...(cursor === undefined ? {} : { cursor }) }
      const page = await readPage(asked)
      rows.push(...page.data)
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined && rows.length < mostRows)
    return rows
  }

  return async () => {
    const rows: CallJson[] =
      newestMs === null
        ? (await readPage({ limit: String(firstRows) })).data
        : await readAll(newestMs - overlapMs)
    for (const row of rows) newestMs = Math.max(newestMs ?? 0, Date.parse(row.recordedAt))
    const fresh = rows.filter((row) => !seen.has(row.id) && isDecided(row)).toReversed()
    for (const row of fresh) {
      seen.set(row.id, Date.parse(row.recordedAt))
      undecided.delete(row.id)
    }
    for (const [id, recordedMs] of seen) if (recordedMs < (newestMs ?? 0) - 2 * overlapMs) seen.delete(id)
    return fresh
  }
}

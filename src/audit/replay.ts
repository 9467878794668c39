import type { CallRecord } from '../domain/call.ts'
import type { TrailStore } from '../domain/ports.ts'
import { StoreUnavailable } from '../domain/ports.ts'
import type { LeftBehind } from './spool.ts'
import { putAway } from './spool.ts'

const replayRows = 500

/**
 * Writes what earlier runs left in the spool; answers the number of rows that the database took. A row that it
 * refuses, like a corrupt line, keeps nothing else out: its file is set aside. Throws StoreUnavailable, and
 * leaves the files that weren't finished where they are.
 */
export async function replay(options: {
  leftBehind: readonly LeftBehind[]
  trail: Pick<TrailStore, 'append'>
  log: { error(fields: object, message: string): void }
}): Promise<number> {
  const { leftBehind, trail, log } = options
  let rows = 0
  for (const left of leftBehind) {
    const { calls, ends } = left
    left.refusedRows =
      (await writeAll(calls, (some) => trail.append({ calls: some, ends: [], lastUsed: usesIn(some) }))) +
      (await writeAll(ends, (some) => trail.append({ calls: [], ends: some, lastUsed: new Map() })))
    rows += calls.length + ends.length - left.refusedRows
    const { corruptLines, refusedRows } = left
    const aside = putAway(left)
    if (aside !== null)
      log.error({ file: aside, corruptLines, refusedRows }, 'a spool file could not be replayed whole')
  }
  return rows
}

/** When each key was last used: an intent without an end was sent on, too. */
function usesIn(calls: readonly CallRecord[]): Map<string, number> {
  const uses = new Map<string, number>()
  for (const { keyId, outcome, at } of calls)
    if (keyId !== null && outcome !== 'denied') uses.set(keyId, Math.max(at, uses.get(keyId) ?? 0))
  return uses
}

/**
 * Writes rows, in halves where the database refuses some, until only those are left out; answers their number.
 * Throws StoreUnavailable.
 */
async function writeAll<T>(
  rows: readonly T[],
  write: (rows: readonly T[]) => Promise<void>,
): Promise<number> {
  if (rows.length === 0) return 0
  if (rows.length <= replayRows) {
    try {
      await write(rows)
      return 0
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error
      if (rows.length === 1) return 1
    }
  }
  const middle = rows.length >> 1
  return (await writeAll(rows.slice(0, middle), write)) + (await writeAll(rows.slice(middle), write))
}

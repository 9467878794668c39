import type { CallRecord } from '../domain/call.ts'
import type { Chain, TrailStore } from '../domain/ports.ts'
import { StoreUnavailable } from '../domain/ports.ts'
import { readLeftBehind, remove, setAside, type LeftBehind } from './left-behind.ts'

const replayRows = 512

/**
 * Writes what earlier runs left in the spool; answers the number of rows that the database took. One file at a time
 * is in memory. A row that the database refuses, like a corrupt line, keeps nothing else out: its file is set aside.
 * Throws StoreUnavailable, and leaves the files that weren't finished where they are.
 */
export async function replay(options: {
  /** In the order of `filesLeftBehind`. */
  files: readonly string[]
  trail: Pick<TrailStore, 'append'>
  chainOf: (writer: string) => Chain
  /** Whose chain covers the ends, which name no writer. */
  writer: string
  log: { error(fields: object, message: string): void }
}): Promise<number> {
  const { files, trail, chainOf, writer, log } = options
  const appendCalls = (of: string) => (calls: readonly CallRecord[]) =>
    trail.append({ calls, ends: [], lastUsed: noUses, chain: chainOf(of) })

  /** One that can't be read (a bad sector) keeps the others no more out than a corrupt line does. */
  function readIfPossible(path: string): LeftBehind | null {
    try {
      return readLeftBehind(path)
    } catch (error) {
      log.error(
        { file: setAside(path), err: error },
        'a spool file could not be read: it is kept for you to look at',
      )
      return null
    }
  }

  // What a later file has amended need not go to the database again, to be found there.
  const seen = new Set<string>()
  let rows = 0
  for (const path of files) {
    const left = readIfPossible(path)
    if (left === null) continue
    const { ends, corruptLines } = left
    const calls = left.calls.filter(({ id }) => !seen.has(id))
    for (const { id } of calls) seen.add(id)
    let refusedRows = 0
    for (const some of alike(calls))
      refusedRows += await writeAll(some, appendCalls(some[0]?.writer ?? writer))
    refusedRows += await writeAll(ends, (some) =>
      trail.append({ calls: [], ends: some, lastUsed: noUses, chain: chainOf(writer) }),
    )
    // Once a file: a batch with uses takes the database twice as long.
    const lastUsed = usesIn(calls)
    if (lastUsed.size > 0) await trail.append({ calls: [], ends: [], lastUsed })
    rows += calls.length + ends.length - refusedRows
    if (corruptLines + refusedRows === 0) {
      remove(path)
      continue
    }
    const file = setAside(path)
    log.error(
      { file, corruptLines, refusedRows },
      'a spool file could not be replayed whole: what could be read of it is in the trail, and the file is kept for you to look at',
    )
  }
  return rows
}

const noUses: ReadonlyMap<string, number> = new Map()

/**
 * Calls that can be written together: of one writer, as a batch is sealed onto one chain, and with those apart whose end
 * isn't known, which the database takes longer for.
 */
function alike(calls: readonly CallRecord[]): CallRecord[][] {
  const groups = new Map<string, CallRecord[]>()
  for (const call of calls) {
    const name = `${call.outcome === null} ${call.writer}`
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [call])
    else group.push(call)
  }
  return [...groups.values()]
}

/** When each key was last used: an intent without an end was sent on, too. */
function usesIn(calls: readonly CallRecord[]): Map<string, number> {
  const uses = new Map<string, number>()
  for (const { keyId, outcome, at } of calls)
    if (keyId !== null && outcome !== 'denied') uses.set(keyId, Math.max(at, uses.get(keyId) ?? 0))
  return uses
}

/**
 * Writes rows in batches, and one that the database refuses in halves, until only the rows that it refuses are left
 * out; answers their number. Throws StoreUnavailable.
 */
async function writeAll<T>(
  rows: readonly T[],
  write: (rows: readonly T[]) => Promise<void>,
): Promise<number> {
  let refused = 0
  for (let from = 0; from < rows.length; from += replayRows)
    refused += await writeHalves(rows.slice(from, from + replayRows), write)
  return refused
}

async function writeHalves<T>(
  rows: readonly T[],
  write: (rows: readonly T[]) => Promise<void>,
): Promise<number> {
  if (rows.length === 0) return 0
  try {
    await write(rows)
    return 0
  } catch (error) {
    if (error instanceof StoreUnavailable) throw error
    if (rows.length === 1) return 1
  }
  const middle = rows.length >> 1
  return (await writeHalves(rows.slice(0, middle), write)) + (await writeHalves(rows.slice(middle), write))
}

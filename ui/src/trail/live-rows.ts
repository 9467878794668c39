/** Rows of the trail as they come in, newest first. */
export interface LiveRows<Row> {
  shown: readonly Row[]
  /** What came while paused: shown once it goes on. */
  held: readonly Row[]
  isPaused: boolean
  /** Rows that came and are kept no longer, since there were too many. */
  dropped: number
}

export const noLiveRows: LiveRows<never> = { shown: [], held: [], isPaused: false, dropped: 0 }

/** A browser tab that is left open must not grow without end. */
const mostRows = 500

/** A row that came in. One that is there already, as after a lost connection, changes nothing. */
export function withRow<Row extends { id: string }>(rows: LiveRows<Row>, row: Row): LiveRows<Row> {
  if (rows.shown.some(({ id }) => id === row.id) || rows.held.some(({ id }) => id === row.id)) return rows
  const part = rows.isPaused ? 'held' : 'shown'
  const grown = [row, ...rows[part]]
  return {
    ...rows,
    [part]: grown.slice(0, mostRows),
    dropped: rows.dropped + (grown.length > mostRows ? 1 : 0),
  }
}

/** Stops the list from moving under the reader. */
export function paused<Row>(rows: LiveRows<Row>): LiveRows<Row> {
  return { ...rows, isPaused: true }
}

/** Goes on, with what came meanwhile. */
export function resumed<Row>(rows: LiveRows<Row>): LiveRows<Row> {
  const all = [...rows.held, ...rows.shown]
  return {
    shown: all.slice(0, mostRows),
    held: [],
    isPaused: false,
    dropped: rows.dropped + Math.max(0, all.length - mostRows),
  }
}

/**
 * The rows that came live among those that were read before: each once, newest first. A live tail begins with the
 * last calls, whenever they were: those from before `from` (RFC 3339) are left out.
 */
export function merged<Row extends { id: string; at: string }>(
  live: readonly Row[],
  read: readonly Row[],
  from: string | undefined,
): Row[] {
  const fromMs = from === undefined ? -Infinity : Date.parse(from)
  const recent = live.filter(({ at }) => Date.parse(at) >= fromMs)
  const ids = new Set(recent.map(({ id }) => id))
  const all = [...recent, ...read.filter(({ id }) => !ids.has(id))]
  // Their ids are in the order that the server lists them by.
  return all.toSorted((one, other) => (one.id < other.id ? 1 : -1))
}

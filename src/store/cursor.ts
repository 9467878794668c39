import { isId } from '../domain/id.ts'

/** A cursor that no list of ours has given. */
export class CursorInvalid extends Error {
  override readonly name = 'CursorInvalid'
  readonly code = 'cursor_invalid'
  constructor() {
    super('the cursor is not one that a list has given')
  }
}

/** The cursor after the row with this id: the id's 16 bytes as base64url. */
export function cursorAfter(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')
}

/** The id of a cursor's row. Throws {@link CursorInvalid} for anything that {@link cursorAfter} doesn't make. */
export function readCursor(cursor: string): string {
  const hex = Buffer.from(cursor, 'base64url').toString('hex')
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  if (!isId(id) || cursorAfter(id) !== cursor) throw new CursorInvalid()
  return id
}

/** A row's place in a list that is sorted by a value, and by id where values are the same. */
export interface SortedPlace {
  value: string | number | null
  id: string
}

/** The cursor after a row of a list that is sorted as `order` says. */
export function sortedCursorAfter(order: string, { value, id }: SortedPlace): string {
  return Buffer.from(JSON.stringify([order, value, id])).toString('base64url')
}

/**
 * The place of a cursor. Throws {@link CursorInvalid} for anything that {@link sortedCursorAfter} doesn't make with
 * this order and a value of this type; a type of null is a list by id alone.
 */
export function readSortedCursor(cursor: string, order: string, type: 'text' | 'number' | null): SortedPlace {
  const parts: unknown = parsed(Buffer.from(cursor, 'base64url').toString())
  if (!Array.isArray(parts)) throw new CursorInvalid()
  const [, value, id] = parts as unknown[]
  const isValue =
    value === null ||
    (type === 'text' && typeof value === 'string') ||
    (type === 'number' && typeof value === 'number' && Number.isSafeInteger(value))
  if (!isValue || typeof id !== 'string' || !isId(id)) throw new CursorInvalid()
  const place = { value, id }
  if (sortedCursorAfter(order, place) !== cursor) throw new CursorInvalid()
  return place
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}

/** A page of at most `limit`, from rows asked for with one more than that. */
export function pageOf<T>(
  rows: readonly T[],
  limit: number,
  idOf: (row: T) => string,
): {
  data: T[]
  nextCursor: string | null
} {
  const data = rows.slice(0, limit)
  const last = data.at(-1)
  return { data, nextCursor: rows.length > limit && last !== undefined ? cursorAfter(idOf(last)) : null }
}

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

/**
 * What a key may do. Nothing can be granted or withheld yet, so the only value that this version can judge is
 * the empty one.
 */
export type Grants = Readonly<Record<string, unknown>>

export const noGrants: Grants = Object.freeze({})

/**
 * Whether this version can judge the grants. A key written by a newer version, with limits that this one does
 * not know, is refused rather than read as unlimited.
 */
export function canJudge(grants: Grants): boolean {
  return Object.keys(grants).length === 0
}

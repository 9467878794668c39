/** What a key may do. */
export interface Grants {
  /** Whether the key may rotate itself, with its own token. */
  readonly selfRotate?: true
}

export const noGrants: Grants = Object.freeze({})

/**
 * Whether this version can judge the grants. A key written by a newer version, with limits that this one does
 * not know, is refused rather than read as unlimited.
 */
export function canJudge(grants: Grants): boolean {
  return Object.entries(grants).every(([name, value]) => name === 'selfRotate' && value === true)
}

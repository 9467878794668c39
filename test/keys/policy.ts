import type { KeyPolicy } from '../../src/keys/parts.ts'

export const hourMs = 3_600_000
export const dayMs = 24 * hourMs

/** The rules as the settings have them by default, but for fewer keys. */
export const policy: KeyPolicy = {
  defaultLifeMs: 180 * dayMs,
  maxLifeMs: 365 * dayMs,
  overlapMs: 7 * dayMs,
  maxOverlapMs: 30 * dayMs,
  maxFamilyLifeMs: 1095 * dayMs,
  keysPerServiceUser: 5,
  requireOwner: true,
}

import { z } from 'zod'
import { section } from './section.ts'
import { count, duration } from './values.ts'

/** How keys live. Durations in milliseconds. */
export interface Policy {
  defaultLifeMs: number
  maxLifeMs: number
  /** How long a rotated key and its successor both work, unless told otherwise, and at most. */
  overlapMs: number
  maxOverlapMs: number
  /** How long keys that rotate themselves may go on from the one that an administrator issued. */
  maxFamilyLifeMs: number
  /** Active keys that a service user may have at once. */
  keysPerServiceUser: number
  requireOwner: boolean
  /** Whether a caller whose grants name no tools may call none, not all. */
  denyToolsByDefault: boolean
}

/** How keys live, in the settings. */
export const policySettings = section({
  defaultLife: duration('1m', '3650d').prefault('180d'),
  maxLife: duration('1m', '3650d').prefault('365d'),
  overlap: duration('0s', '365d').prefault('7d'),
  maxOverlap: duration('0s', '365d').prefault('30d'),
  maxFamilyLife: duration('1m', '3650d').prefault('1095d'),
  keysPerServiceUser: count(1, 10_000).default(20),
  requireOwner: z.boolean({ error: 'must be true or false' }).default(true),
  denyToolsByDefault: z.boolean({ error: 'must be true or false' }).default(false),
})

/** The rules that settings describe. */
export function resolvePolicy(data: z.output<typeof policySettings>): Policy {
  return {
    defaultLifeMs: data.defaultLife,
    maxLifeMs: data.maxLife,
    overlapMs: data.overlap,
    maxOverlapMs: data.maxOverlap,
    maxFamilyLifeMs: data.maxFamilyLife,
    keysPerServiceUser: data.keysPerServiceUser,
    requireOwner: data.requireOwner,
    denyToolsByDefault: data.denyToolsByDefault,
  }
}

/** Rules that are each right and can't all hold. */
export function policyContradictions(policy: Policy): string[] {
  const found: string[] = []
  if (policy.defaultLifeMs > policy.maxLifeMs)
    found.push(
      `policy.defaultLife is ${days(policy.defaultLifeMs)}: must be at most policy.maxLife, which is ${days(policy.maxLifeMs)}`,
    )
  if (policy.overlapMs > policy.maxOverlapMs)
    found.push(
      `policy.overlap is ${days(policy.overlapMs)}: must be at most policy.maxOverlap, which is ${days(policy.maxOverlapMs)}`,
    )
  return found
}

function days(ms: number): string {
  return `${Math.round(ms / 8_640_000) / 10}d`
}

import type { KeyJson, KeyStateJson } from '../api/types.ts'
import { relativeTime, spanText } from './relative-time.ts'

/** How a thing stands, as a colour. */
export type Tone = 'neutral' | 'good' | 'warn' | 'bad' | 'accent'

export interface StateText {
  label: string
  tone: Tone
  /** It works no more: its name is struck through. */
  isDead: boolean
  /** The instant that the label speaks of, in epoch milliseconds. */
  at: number | null
}

const dayMs = 86_400_000
/** From when an end is worth an amber mark, and from when a red one. */
const soonMs = 14 * dayMs
const veryNearMs = 3 * dayMs

type Lives = Pick<KeyJson, 'state' | 'expiresAt' | 'retiresAt' | 'revokedAt'>

/** What the badge of a key says at `now` (epoch ms): the end that is next, and how near it is. */
export function keyStateText(key: Lives, now: number): StateText {
  const expiresAt = Date.parse(key.expiresAt)
  const retiresAt = key.retiresAt === null ? null : Date.parse(key.retiresAt)
  const revokedAt = key.revokedAt === null ? null : Date.parse(key.revokedAt)
  const texts: Record<KeyStateJson, () => StateText> = {
    active: () => {
      if (expiresAt <= now) return dead('Expired', expiresAt, now)
      if (expiresAt - now > soonMs) return { label: 'Active', tone: 'good', isDead: false, at: expiresAt }
      return living(`Expires ${relativeTime(expiresAt, now)}`, expiresAt, now)
    },
    retiring: () => {
      const end = Math.min(retiresAt ?? expiresAt, expiresAt)
      if (end <= now) return dead('Retired', end, now)
      return living(`Retiring, ${spanText(end - now)} left`, end, now)
    },
    retired: () => dead('Retired', retiresAt, now),
    expired: () => dead('Expired', expiresAt, now),
    revoked: () => dead('Revoked', revokedAt, now),
    disabled: () => ({ label: 'Disabled', tone: 'neutral', isDead: true, at: null }),
  }
  return texts[key.state]()
}

function living(label: string, at: number, now: number): StateText {
  return { label, tone: at - now < veryNearMs ? 'bad' : 'warn', isDead: false, at }
}

function dead(word: string, at: number | null, now: number): StateText {
  return {
    label: at === null ? word : `${word} ${relativeTime(Math.min(at, now), now)}`,
    tone: 'neutral',
    isDead: true,
    at,
  }
}

import { startOfToken } from '../../../src/domain/service-key.ts'
import type { Asked, KnownKey } from '../credential/own-key.ts'
import type { GivenKey } from '../credential/open.ts'
import { dayAndTime, leftUntil } from '../credential/warning-text.ts'
import { failed, ok, skipped, warning, type CheckLine } from './line.ts'

const soonMs = 14 * 86_400_000

/** Whether the server takes the key, and for how long; `known` is its own answer, null where nobody could be asked. */
export function keyLine(given: GivenKey, known: Asked<KnownKey> | null, isSpoken: boolean): CheckLine {
  const key = `the key ${startOfToken(given.token)}… of ${given.where}`
  if (known === null) return skipped('key', `${key} has the right form; nobody could be asked about it`)
  if (known.kind === 'answered') return acceptedLine(key, given, known.value)
  if (known.kind === 'refused' && known.status === 401)
    return failed(
      'key',
      `${key} is refused, and from outside it can't be told why: it may be expired, revoked, or of another deployment (it is not mistyped)`,
      'look at it on the admin page, or ask for a new one where this one came from',
    )
  if (known.kind === 'refused' && known.status === 403)
    return failed(
      'key',
      `${key} is not accepted from this address`,
      'ask who issued it for the addresses that it may be used from',
    )
  if (isSpoken) return ok('key', `${key} is accepted; the server doesn't tell when it ends`)
  const why = known.kind === 'unsure' ? known.why : `HTTP ${known.status}`
  return failed(
    'key',
    `whether ${key} is accepted can't be told (${why})`,
    'try again shortly, or ask the server’s operator',
  )
}

function acceptedLine(key: string, { where }: GivenKey, known: KnownKey): CheckLine {
  const { endsAt, now, isRetiring, renewableUntil } = known
  const end = `${leftUntil(endsAt, now)} (${dayAndTime(endsAt)})`
  if (isRetiring)
    return warning(
      'key',
      `${key} is accepted, but was rotated and ends ${end}`,
      `put its successor into ${where}`,
    )
  if (endsAt - now < soonMs && (renewableUntil === null || renewableUntil <= endsAt))
    return warning(
      'key',
      `${key} is accepted, but expires ${end}`,
      `ask for another, and put it into ${where}`,
    )
  return ok('key', `${key} is accepted, and expires ${end}`)
}

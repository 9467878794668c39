/** What a key says about when its owner will be told of it. Instants are RFC 3339. */
export interface KeyTimes {
  state: 'active' | 'retiring' | 'retired' | 'expired' | 'revoked' | 'disabled'
  createdAt: string
  expiresAt: string
  retiresAt: string | null
  lastUsedAt: string | null
}

/** The notice that comes next, if nothing happens before: `daysLeft` of a warning before the expiry. */
export interface DueNotice {
  kind: 'key-expiring' | 'key-expired' | 'overlap-ending' | 'overlap-ended' | 'key-unused'
  atMs: number
  daysLeft: number | null
}

const dayMs = 86_400_000
const unusedMs = 90 * dayMs
const warningDays = [30, 14, 7, 1]

/**
 * What the sweep will find about a key after `nowMs` (epoch milliseconds); null: nothing more, as for dead keys. The
 * rules are those of `src/domain/notice.ts`, which a test holds them to.
 */
export function dueNext(key: KeyTimes, nowMs: number): DueNotice | null {
  if (key.state !== 'active' && key.state !== 'retiring') return null
  const due = key.retiresAt === null ? ofActive(key) : ofRetiring(Date.parse(key.retiresAt))
  return due.filter(({ atMs }) => atMs > nowMs).toSorted((one, other) => one.atMs - other.atMs)[0] ?? null
}

function ofRetiring(retiresAtMs: number): DueNotice[] {
  return [
    { kind: 'overlap-ending', atMs: retiresAtMs - dayMs, daysLeft: null },
    { kind: 'overlap-ended', atMs: retiresAtMs, daysLeft: null },
  ]
}

function ofActive(key: KeyTimes): DueNotice[] {
  const expiresAtMs = Date.parse(key.expiresAt)
  const createdAtMs = Date.parse(key.createdAt)
  const warnings = warningDays
    .map((daysLeft): DueNotice => ({ kind: 'key-expiring', atMs: expiresAtMs - daysLeft * dayMs, daysLeft }))
    .filter(({ atMs }) => atMs > createdAtMs)
  const usedAtMs = key.lastUsedAt === null ? createdAtMs : Date.parse(key.lastUsedAt)
  const unused: DueNotice = { kind: 'key-unused', atMs: usedAtMs + unusedMs, daysLeft: null }
  return [
    ...warnings,
    { kind: 'key-expired', atMs: expiresAtMs, daysLeft: null },
    // Nobody is told that a dead key is unused.
    ...(unused.atMs < expiresAtMs ? [unused] : []),
  ]
}

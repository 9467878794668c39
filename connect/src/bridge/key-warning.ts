import type { IncomingHttpHeaders } from 'node:http'
import type { KeyWarning } from '../contracts.ts'

/** What the gateway says by `x-postern-warning: key_expiring; ends=2026-12-05T00:00:00.000Z`; null where it doesn't. */
export function keyWarningOf(headers: IncomingHttpHeaders): KeyWarning | null {
  const header = headers['x-postern-warning']
  if (typeof header !== 'string') return null
  const [, code, ends = ''] = /^(key_expiring|key_retiring); ends=([0-9TZ:.-]{20,30})$/.exec(header) ?? []
  const endsAt = Date.parse(ends)
  if ((code !== 'key_expiring' && code !== 'key_retiring') || Number.isNaN(endsAt)) return null
  return { code, endsAt }
}

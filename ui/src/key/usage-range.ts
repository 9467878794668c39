/** The stretches of time that usage is shown for. */
export const usageRanges = ['24h', '7d', '30d', '90d'] as const
export type UsageRange = (typeof usageRanges)[number]

/** What the API is asked for: RFC 3339 instants, and how long a bucket is. */
export type UsageWindow = { from: string; to: string; bucket: 'hour' | 'day' }

const hourMs = 3_600_000
const dayMs = 24 * hourMs

const shapes: Record<UsageRange, { bucket: 'hour' | 'day'; count: number }> = {
  '24h': { bucket: 'hour', count: 24 },
  '7d': { bucket: 'day', count: 7 },
  '30d': { bucket: 'day', count: 30 },
  '90d': { bucket: 'day', count: 90 },
}

/**
 * The whole hours or days (UTC) that a range covers, that of `nowMs` being the last. It stays the same for so long, and
 * so does what is asked.
 */
export function usageWindow(range: UsageRange, nowMs: number): UsageWindow {
  const { bucket, count } = shapes[range]
  const lengthMs = bucket === 'hour' ? hourMs : dayMs
  const toMs = (Math.floor(nowMs / lengthMs) + 1) * lengthMs
  return {
    from: new Date(toMs - count * lengthMs).toISOString(),
    to: new Date(toMs).toISOString(),
    bucket,
  }
}

/** `5 Dec` of a day in UTC; `5 Dec, 14:00` of an hour, in the reader's zone. Each is one of its kind in a range. */
export function bucketLabel(at: string, bucket: 'hour' | 'day', timeZone?: string): string {
  const zone = bucket === 'day' ? 'UTC' : timeZone
  return new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    ...(bucket === 'day' ? {} : { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
    ...(zone === undefined ? {} : { timeZone: zone }),
  }).format(Date.parse(at))
}

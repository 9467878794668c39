const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Reads a duration such as `90d`, `12h`, `30m`, `10s` or `500ms` as milliseconds; null for anything else. */
export function parseDurationMs(text: string): number | null {
  const match = /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(text)
  if (match === null) return null
  return Number(match[1]) * unitMs[match[2] as keyof typeof unitMs]
}

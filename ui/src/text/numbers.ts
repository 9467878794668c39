/** A count that fits: `842`, `12.4k`, `3.1M`. The whole number belongs beside it, in a title. */
export function shortCount(count: number): string {
  return new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
    .format(count)
    .replace('K', 'k')
}

/** The whole number: `12,431`. */
export function wholeCount(count: number): string {
  return new Intl.NumberFormat('en').format(count)
}

/** A part of a whole: `0%`, `<1%`, `12%`; `–` of nothing. */
export function shareText(part: number, whole: number): string {
  if (whole <= 0) return '–'
  const percent = (part / whole) * 100
  if (percent > 0 && percent < 1) return '<1%'
  if (percent < 100 && percent > 99) return '>99%'
  return `${Math.round(percent)}%`
}

/** `1 call`, `12,431 calls`. */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${wholeCount(count)} ${count === 1 ? one : many}`
}

/** A length of time in milliseconds: `8 ms`, `1.2 s`, `3 min`; `–` where it is not known. */
export function durationText(durationMs: number | null): string {
  if (durationMs === null) return '–'
  if (durationMs < 1) return '<1 ms'
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`
  if (durationMs < 60_000) return `${(durationMs / 1000).toFixed(durationMs < 10_000 ? 1 : 0)} s`
  return `${Math.round(durationMs / 60_000)} min`
}

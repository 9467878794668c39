/** How far the clock of whoever issued a credential may be from ours, in seconds. */
export const clockToleranceSeconds = 5

/** Whether a value can stand in a header as a principal's id or customer, and not be trimmed or end its line. */
export function isHeaderSafe(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,256}$/.test(value)
}

/**
 * The trace id of a W3C `traceparent`, 32 lower-case hexadecimal digits; null for anything else. Versions to come
 * may say more behind the four parts that this one has.
 */
export function traceIdOf(traceparent: string | null): string | null {
  if (traceparent === null || traceparent.length < 55 || traceparent.length > 256) return null
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/.exec(traceparent)
  const [, version, traceId = '', parentId = '', more] = match ?? []
  if (match === null || version === 'ff' || (version === '00' && more !== undefined)) return null
  return isZero(traceId) || isZero(parentId) ? null : traceId
}

function isZero(digits: string): boolean {
  return /^0+$/.test(digits)
}

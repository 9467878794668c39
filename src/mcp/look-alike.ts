/**
 * Answers whether a key, although it is none of `names`, would be one of them to a parser that ignores case,
 * normalises Unicode, trims, or stops at a NUL (`Name`, `paramſ`, `name\u0000`; CVE-2026-27896).
 */
export function lookAlikeOf(names: readonly string[]): (key: string) => boolean {
  const exact = new Set(names)
  const folded = new Set(names.map((name) => name.toLowerCase()))
  return (key) => {
    if (exact.has(key)) return false
    // A backend that assigns members one by one gets all that is under it by inheritance, `method` included.
    if (key === '__proto__') return true
    if (printableAscii.test(key)) return folded.has(key.trim().toLowerCase())
    return folded.has(fold(key)) || folded.has(fold(upToNul(key)))
  }
}

const printableAscii = /^[\x20-\x7e]*$/
const unseen = /[\p{M}\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu

/**
 * Folds wider than any one parser does: marks go too, since Java takes `İ` for `i`. A key that is refused
 * without need costs a client with an odd extension; one that passes can hide a call.
 */
function fold(key: string): string {
  return key.normalize('NFKD').toUpperCase().toLowerCase().replace(unseen, '')
}

function upToNul(key: string): string {
  const visible = key.replace(/^\0+/, '')
  const end = visible.indexOf('\0')
  return end < 0 ? visible : visible.slice(0, end)
}

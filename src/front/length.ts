const longest = 15

/**
 * The bytes that a `Content-Length` says; null where it is anything but up to 15 digits. Digit by digit, since
 * `Number` of a text is a call into V8's runtime: 0.2 µs for each head that is read.
 */
export function readLength(text: string): number | null {
  if (text.length === 0 || text.length > longest) return null
  let bytes = 0
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) return null
    bytes = bytes * 10 + digit
  }
  return bytes
}

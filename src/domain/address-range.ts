/** A block of addresses, its first one as 4 or 16 bytes. */
export interface AddressRange {
  bytes: readonly number[]
  /** How many of the leading bits an address must share. */
  bits: number
}

/** The most ranges of one key. */
export const rangesLimit = 100

/**
 * Reads an address or a CIDR block, IPv4 or IPv6. IPv4 inside IPv6 (`::ffff:10.0.0.0/104`) is the IPv4 block.
 * Answers why it is none, in words that end a sentence about it.
 */
export function parseAddressRange(text: string): AddressRange | string {
  const [address = '', length, ...rest] = text.split('/')
  if (address.includes('%')) return 'has a zone, which only the machine itself could judge'
  const bytes = readAddressBytes(address)
  if (bytes === null || rest.length > 0) return right
  const most = bytes.length * 8
  const isWritten = length === undefined || /^(?:0|[1-9][0-9]{0,2})$/.test(length)
  const bits = length === undefined ? most : Number(length)
  if (!isWritten || bits > most) return `has a length that is none: it goes from 0 to ${most}`
  const first = bytes.map((byte, at) => byte & maskAt(at, bits))
  if (bytes.some((byte, at) => byte !== first[at]))
    return `has bits set beyond its length: its block is ${formatAddressRange(mapped({ bytes: first, bits }))}`
  return mapped({ bytes, bits })
}

/** A range in its one canonical form: RFC 5952 for IPv6, and always with its length. */
export function formatAddressRange({ bytes, bits }: AddressRange): string {
  return `${formatAddress(bytes)}/${bits}`
}

/**
 * Whether an address (as Node or a header writes it, without a zone) is in one of the ranges. IPv4 inside IPv6
 * counts as IPv4; what is no address is in none.
 */
export function isInRanges(ranges: readonly AddressRange[], address: string): boolean {
  const bytes = readAddressBytes(address)
  if (bytes === null) return false
  const own = bytes.length === 16 && isMapped(bytes) ? bytes.slice(12) : bytes
  return ranges.some((range) => contains(range, own))
}

const right = 'is no address and no CIDR block, such as 203.0.113.0/24 or 2001:db8::/32'

function contains({ bytes, bits }: AddressRange, own: readonly number[]): boolean {
  if (own.length !== bytes.length) return false
  for (let at = 0; at * 8 < bits; at++) {
    if (((own[at] ?? 0) & maskAt(at, bits)) !== bytes[at]) return false
  }
  return true
}

/** Which bits of the byte at this place count. */
function maskAt(at: number, bits: number): number {
  const counted = Math.min(8, Math.max(0, bits - at * 8))
  return (0xff00 >> counted) & 0xff
}

function mapped(range: AddressRange): AddressRange {
  const { bytes, bits } = range
  return bytes.length === 16 && bits >= 96 && isMapped(bytes)
    ? { bytes: bytes.slice(12), bits: bits - 96 }
    : range
}

function isMapped(bytes: readonly number[]): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff && bytes.slice(0, 10).every((byte) => byte === 0)
}

function readAddressBytes(text: string): number[] | null {
  if (!text.includes(':')) return readIpv4(text)
  if (text.length > 45) return null
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [head, tail] = halves.map((half, at) => readGroups(half, at === halves.length - 1))
  if (head === undefined || head === null || tail === null) return null
  if (tail === undefined) return head.length === 16 ? head : null
  // "::" stands for one group of zeros at least.
  const missing = 16 - head.length - tail.length
  return missing < 2 ? null : [...head, ...Array<number>(missing).fill(0), ...tail]
}

/** The bytes of groups of four hexadecimal digits, the last of which may be an IPv4 address. */
function readGroups(text: string, isLast: boolean): number[] | null {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [at, group] of groups.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 0xff)
    } else {
      const ipv4 = isLast && at === groups.length - 1 ? readIpv4(group) : null
      if (ipv4 === null) return null
      bytes.push(...ipv4)
    }
  }
  return bytes
}

/** Four decimal numbers; none with a leading zero, which some readers take for octal. */
function readIpv4(text: string): number[] | null {
  if (text.length > 15) return null
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part))) return null
  const bytes = parts.map(Number)
  return bytes.every((byte) => byte <= 255) ? bytes : null
}

function formatAddress(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups: number[] = []
  for (let at = 0; at < 16; at += 2) groups.push(((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0))
  const { from, length } = longestZeros(groups)
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  if (length < 2) return text(groups)
  return `${text(groups.slice(0, from))}::${text(groups.slice(from + length))}`
}

/** The first of the longest runs of zeros. */
function longestZeros(groups: readonly number[]): { from: number; length: number } {
  let best = { from: 0, length: 0 }
  let from = 0
  for (const [at, group] of groups.entries()) {
    if (group !== 0) from = at + 1
    else if (at + 1 - from > best.length) best = { from, length: at + 1 - from }
  }
  return best
}

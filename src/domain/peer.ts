/**
 * Whom an address counts as where peers are told apart: an IPv4 address by itself, IPv6 by its first 64 bits, since
 * whoever has one has all of those. What is no address is itself.
 */
export function peerOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - last.length)
  const all = [...groups, ...Array<string>(zeros).fill('0'), ...last]
  const first = all.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
  return `${first.join(':')}::/64`
}

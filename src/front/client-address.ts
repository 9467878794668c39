import { BlockList, SocketAddress, isIP } from 'node:net'

/** The client's address, from the socket's peer and the `X-Forwarded-For` header, in its shortest form. */
export type ClientAddress = (peer: string, xForwardedFor: string | null) => string

/**
 * Finds who a request comes from: the socket's peer, or, where the peer is one of `trustedProxies` (addresses
 * or CIDR ranges), the right-most hop that is none of them. What stands further left is the sender's own word
 * (T32). A hop that is no address ends the search with the peer, since nothing behind it can be believed.
 * Throws `TypeError` for a range that is none.
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const isTrusted = createIsTrusted(trustedProxies)

  return (peer, xForwardedFor) => {
    const peerAddress = addressOfPeer(peer)
    if (xForwardedFor === null || !isTrusted(peerAddress)) return peerAddress
    let furthest = peerAddress
    const hops = xForwardedFor.split(',')
    for (let at = hops.length - 1; at >= 0; at--) {
      const hop = readAddress(hops[at]!.trim())
      if (hop === null) return peerAddress
      furthest = hop
      if (!isTrusted(hop)) break
    }
    return furthest
  }
}

/** Whether a socket's peer is one of the trusted proxies, whose `X-Forwarded-Proto` then counts. */
export function createIsTrustedPeer(trustedProxies: readonly string[]): (peer: string) => boolean {
  const isTrusted = createIsTrusted(trustedProxies)
  return (peer) => isTrusted(addressOfPeer(peer))
}

function createIsTrusted(trustedProxies: readonly string[]): (address: string) => boolean {
  if (trustedProxies.length === 0) return () => false
  // Apart, since a list of both takes ::/0 for IPv4 too.
  const trusted = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const range of trustedProxies) addRange(trusted, range)
  return (address) => {
    if (isIP(address) === 0) return false
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    return trusted[family].check(address, family)
  }
}

/** The peer without the zone of a link-local address. */
function addressOfPeer(peer: string): string {
  const zoneAt = peer.indexOf('%')
  return readAddress(zoneAt === -1 ? peer : peer.slice(0, zoneAt)) ?? peer
}

const mappedPrefix = '::ffff:'

/** An address without a zone in the form that Node prints, IPv4 inside IPv6 as IPv4; null for anything else. */
export function readAddress(text: string): string | null {
  const family = isIP(text)
  if (family === 4) return text
  if (family === 0 || text.includes('%')) return null
  // How a server that listens on both families names its IPv4 peers.
  const embedded = text.startsWith(mappedPrefix) ? text.slice(mappedPrefix.length) : ''
  if (isIP(embedded) === 4) return embedded
  const { address } = new SocketAddress({ address: text, family: 'ipv6' })
  const isMapped = address.startsWith(mappedPrefix) && address.includes('.')
  return isMapped ? address.slice(mappedPrefix.length) : address
}

function addRange(lists: Record<'ipv4' | 'ipv6', BlockList>, range: string): void {
  const [address = '', bits, ...rest] = range.split('/')
  const family = isIP(address)
  const maxBits = family === 4 ? 32 : 128
  const isCount = bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= maxBits)
  if (family === 0 || address.includes('%') || !isCount || rest.length > 0) {
    throw new TypeError(
      `a trusted proxy is an address or a range like 10.0.0.0/8, not ${JSON.stringify(range)}`,
    )
  }
  const type = family === 4 ? 'ipv4' : 'ipv6'
  lists[type].addSubnet(address, bits === undefined ? maxBits : Number(bits), type)
}

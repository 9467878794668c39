import ipaddr from 'ipaddr.js'

export interface AddressGuard {
  /** Whether an address may be connected to. False for what is no address. */
  allows(address: string): boolean
  /** Whether the settings name the address, so that it is meant, whatever its range. */
  isNamed(address: string): boolean
}

type Address = ipaddr.IPv4 | ipaddr.IPv6

/**
 * Lets public addresses through, and those of the CIDR blocks in `allowAddresses`. What an IPv6 address carries of
 * an IPv4 one (mapped, NAT64) is judged as that one. Throws for a block that is none.
 */
export function createAddressGuard(allowAddresses: readonly string[]): AddressGuard {
  const blocks = allowAddresses.map((block) => ipaddr.parseCIDR(block))

  function isNamed(address: Address): boolean {
    return blocks.some(([base, length]) => base.kind() === address.kind() && address.match(base, length))
  }

  return {
    allows(text) {
      const address = read(text)
      return address !== null && (isNamed(address) || isPublic(address))
    },
    isNamed(text) {
      const address = read(text)
      return address !== null && isNamed(address)
    },
  }
}

const mapped: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('::ffff:0:0'), 96]
const nat64: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('64:ff9b::'), 96]
/** All that is routed in public begins here; loopback, private, link-local, multicast and the rest lie outside. */
const globalUnicast: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3]

function read(text: string): Address | null {
  // A zone names an interface of this machine. And only four plain decimal numbers are an IPv4 address.
  if (text.includes('%') || !ipaddr.isValid(text)) return null
  if (!text.includes(':')) return ipaddr.IPv4.isValidFourPartDecimal(text) ? ipaddr.IPv4.parse(text) : null
  // In hexadecimal: the library reads ::8.8.8.8 as ::ffff:8.8.8.8, which is another address.
  const address = ipaddr.IPv6.parse(new URL(`http://[${text}]`).hostname.slice(1, -1))
  if (!address.match(mapped) && !address.match(nat64)) return address
  return new ipaddr.IPv4(address.toByteArray().slice(12))
}

/** 6to4 and Teredo lie in 2000::/3 and have ranges of their own, so that what they carry needs no reading. */
function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false
  return !(address instanceof ipaddr.IPv6) || address.match(globalUnicast)
}

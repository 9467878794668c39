import type { JWK } from 'jose'

/**
 * Whether an RSA key can be forged for: its public exponent is 1 or even, or its modulus has the fingerprint of the
 * library whose keys can be factored (ROCA, CVE-2017-15361). That it is long enough is jose's to see.
 */
export function isWeakKey({ kty, n, e }: JWK): boolean {
  if (kty !== 'RSA') return false
  const exponent = numberOf(e)
  const modulus = numberOf(n)
  return exponent < 3n || exponent % 2n === 0n || primes.every((prime) => isPowerOf65537(modulus, prime))
}

function numberOf(base64url: unknown): bigint {
  const bytes = Buffer.from(typeof base64url === 'string' ? base64url : '', 'base64url')
  return BigInt(`0x0${bytes.toString('hex')}`)
}

/**
 * That library's primes, and so their products, are powers of 65537 modulo each of the small primes. A modulus made
 * in another way is one for all of these by a chance of 1 in 2^27 or less.
 */
const primes = [
  ...[3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73],
  ...[79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167],
]

function isPowerOf65537(modulus: bigint, prime: number): boolean {
  const rest = Number(modulus % BigInt(prime))
  let power = 1
  do {
    if (power === rest) return true
    power = (power * 65_537) % prime
  } while (power !== 1)
  return false
}

import type { KeyObject } from 'node:crypto'
import { grantsDigest } from '../domain/grant.ts'
import { newId } from '../domain/id.ts'
import type { Clock } from '../domain/ports.ts'
import type { Allowed } from '../domain/verdict.ts'
import type { AssertionClaims } from './assertion-form.ts'
import { assertionLifeSeconds, bodyHash } from './assertion-form.ts'
import type { Signing } from './signing.ts'
import { createSigning } from './signing.ts'

/** Who is asserted: what of a verdict the backend is told. `endsAt`: when the credential ends, epoch milliseconds. */
export type Asserted = Pick<Allowed, 'principal' | 'keyId' | 'grants' | 'endsAt'>

/** One request as the backend will see it. */
export interface BoundRequest {
  method: string
  /** Without the query. */
  path: string
  body: Uint8Array | null
}

export interface Assertions {
  /** A compact JWS for a route (its path in the settings): made once for half a minute, and reused. */
  shared(asserted: Asserted, audience: string): string
  /** One that is good for this request alone. */
  bound(asserted: Asserted, audience: string, request: BoundRequest): string
  /** The public keys, as the text of a JWK set. */
  jwks(): string
}

export interface AssertionsOptions {
  /** The first signs. Asked once, at the first use. */
  keys: () => readonly KeyObject[]
  clock: Pick<Clock, 'now'>
  /** The epoch that this node has applied. */
  epoch: () => number
  /** How many are kept of one route. */
  keptPerRoute?: number
}

/** How long a shared assertion is handed out, in milliseconds: whoever gets it last has half its life left. */
const reuseMs = 30_000
const noBody = new Uint8Array()

interface Made {
  asserted: Asserted
  at: number
  token: string
}

/**
 * Makes the statements of who calls that a backend can check for itself. A signature costs as much as proxying a
 * call, so a shared one is kept; all are dropped when the epoch moves, and one is made again where the verdict
 * says anything else than the one it was made from.
 */
export function createAssertions(options: AssertionsOptions): Assertions {
  const { clock, epoch, keptPerRoute = 10_000 } = options
  const kept = new Map<string, Map<string, Made>>()
  let keptEpoch = -1
  let opened: Signing | null = null
  const signing = () => (opened ??= createSigning(options.keys()))

  function keptOf(audience: string): Map<string, Made> {
    const now = epoch()
    if (now !== keptEpoch) {
      kept.clear()
      keptEpoch = now
    }
    let ofRoute = kept.get(audience)
    if (ofRoute === undefined) {
      ofRoute = new Map()
      kept.set(audience, ofRoute)
    }
    return ofRoute
  }

  return {
    shared(asserted, audience) {
      const at = clock.now()
      const ofRoute = keptOf(audience)
      const name = nameOf(asserted)
      const before = ofRoute.get(name)
      // A clock that was set back leaves assertions from the future, which nobody would accept.
      if (
        before !== undefined &&
        at >= before.at &&
        at - before.at < reuseMs &&
        isSame(before.asserted, asserted)
      )
        return before.token
      const token = signing().sign(claimsOf(asserted, audience, at))
      if (ofRoute.size >= keptPerRoute && before === undefined) {
        const oldest = ofRoute.keys().next()
        if (oldest.done !== true) ofRoute.delete(oldest.value)
      }
      ofRoute.set(name, { asserted: pick(asserted), at, token })
      return token
    },

    bound(asserted, audience, { method, path, body }) {
      const at = clock.now()
      return signing().sign({
        ...claimsOf(asserted, audience, at),
        jti: newId(at),
        htm: method,
        htu: path,
        bh: bodyHash(body ?? noBody),
      })
    },

    jwks: () => signing().jwks,
  }
}

function claimsOf(
  { principal, keyId, grants, endsAt }: Asserted,
  aud: string,
  nowMs: number,
): AssertionClaims {
  const iat = Math.floor(nowMs / 1000)
  const end = iat + assertionLifeSeconds
  return {
    sub: principal.id,
    kind: principal.kind,
    ...(principal.customer === null ? {} : { customer: principal.customer }),
    aud,
    ...(keyId === null ? {} : { key: keyId }),
    grants: grantsDigest(grants),
    iat,
    // Rounded down: in its last second a key may be refused by a backend, and never outlived.
    exp: endsAt === null ? end : Math.min(end, Math.floor(endsAt / 1000)),
  }
}

/** A key's id; for other credentials, of which one subject may hold several, their end besides the subject. */
function nameOf({ keyId, principal, endsAt }: Asserted): string {
  return keyId ?? `${principal.kind} ${endsAt} ${principal.id}`
}

function isSame(a: Asserted, b: Asserted): boolean {
  return (
    a.endsAt === b.endsAt &&
    a.keyId === b.keyId &&
    a.principal.id === b.principal.id &&
    a.principal.kind === b.principal.kind &&
    a.principal.customer === b.principal.customer &&
    grantsDigest(a.grants) === grantsDigest(b.grants)
  )
}

/** Without what else hangs on a verdict: it is kept. */
function pick({ principal, keyId, grants, endsAt }: Asserted): Asserted {
  return { principal, keyId, grants, endsAt }
}

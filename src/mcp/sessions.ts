import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'

/** What is sealed: the id of a session, or the path that a client of 2024-11-05 posts to. */
export type SealedKind = 'session' | 'endpoint'

/**
 * Names of a backend's, given to a client so that they come back from that client only: each is signed together with
 * whom it was given to. Nothing is kept, so any node can check it, after a restart too.
 */
export interface SessionSeal {
  /** `owner`: whom it is given to, and on which route. */
  seal(kind: SealedKind, value: string, owner: string): string
  /** The value; null where it was not sealed like this by us. */
  open(kind: SealedKind, sealed: string, owner: string): string | null
}

/** 128 bits, in base64url. */
const tagLength = 22

/** `keys`: the deployment's, 32 bytes each; the first seals, all open. Asked once, at the first use. */
export function createSessionSeal(keys: () => readonly Buffer[]): SessionSeal {
  let known: readonly Buffer[] | null = null

  function tagOf(key: Buffer, kind: SealedKind, value: string, owner: string): string {
    // JSON keeps the parts apart whatever they hold.
    return createHmac('sha256', key)
      .update(JSON.stringify([kind, owner, value]))
      .digest('base64url')
      .slice(0, tagLength)
  }

  return {
    seal(kind, value, owner) {
      known ??= keys()
      const [first] = known
      if (first === undefined) throw new TypeError('a deployment has a key')
      return `${tagOf(first, kind, value, owner)}.${value}`
    },
    open(kind, sealed, owner) {
      known ??= keys()
      if (sealed.charAt(tagLength) !== '.') return null
      const tag = Buffer.from(sealed.slice(0, tagLength), 'latin1')
      const value = sealed.slice(tagLength + 1)
      const isOurs = known.some((key) =>
        timingSafeEqual(Buffer.from(tagOf(key, kind, value, owner), 'latin1'), tag),
      )
      return isOurs ? value : null
    },
  }
}

/** Whether a backend's session id is one (2025-03-26): visible ASCII, and of a bearable length. */
export function isSessionId(id: string): boolean {
  return /^[\x21-\x7e]{1,1024}$/.test(id)
}

import type { CredentialKind, Verdict } from '../domain/verdict.ts'
import { StoreUnavailable } from '../domain/ports.ts'
import type { Authenticator } from './authenticator.ts'
import type { CredentialSource } from './credentials.ts'
import { readCredentials } from './credentials.ts'

/**
 * Who sent a request, from its head alone. `accepts` is what its route takes: a kind that isn't accepted is
 * ignored, two accepted ones at once are refused. Never throws for a store that is away: that is a verdict.
 */
export type Verify = (source: CredentialSource, accepts: readonly CredentialKind[]) => Promise<Verdict>

export function createVerify(options: {
  authenticators: readonly Authenticator[]
  looksLikeToken: (text: string) => boolean
}): Verify {
  const { authenticators, looksLikeToken } = options

  return async (source, accepts) => {
    const credentials = readCredentials(source, looksLikeToken)
    if (typeof credentials === 'string') return { allowed: false, reason: credentials }

    const answers = authenticators
      .filter((authenticator) => accepts.includes(authenticator.kind))
      .map((authenticator) => authenticator.authenticate(credentials))
      .filter((answer) => answer !== null)
    if (answers.length > 1) {
      // Whatever they come to, or fail with, no longer matters.
      void Promise.allSettled(answers.map((answer) => Promise.resolve(answer)))
      return { allowed: false, reason: 'ambiguous_credentials' }
    }
    const [answer] = answers
    if (answer === undefined) {
      return {
        allowed: false,
        reason: credentials.bearer === null ? 'missing_credential' : 'wrong_credential_kind',
      }
    }
    try {
      return await answer
    } catch (error) {
      if (error instanceof StoreUnavailable) return { allowed: false, reason: 'store_unavailable' }
      throw error
    }
  }
}

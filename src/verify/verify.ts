import type { CredentialKind, Verdict } from '../domain/verdict.ts'
import { StoreUnavailable } from '../domain/ports.ts'
import type { Authenticator } from './authenticator.ts'
import type { CredentialSource, Credentials } from './credentials.ts'
import { readCredentials } from './credentials.ts'

/**
 * Who sent a request, from its head alone. `accepts` is what its route takes: a kind that isn't accepted is
 * ignored, two accepted ones at once are refused. Never throws for a store that is away: that is a verdict.
 * Answers at once where nothing has to be waited for.
 */
export type Verify = (
  source: CredentialSource,
  accepts: readonly CredentialKind[],
) => Verdict | Promise<Verdict>

export function createVerify(options: {
  authenticators: readonly Authenticator[]
  looksLikeToken: (text: string) => boolean
}): Verify {
  const { authenticators, looksLikeToken } = options

  return (source, accepts) => {
    const credentials = readCredentials(source, looksLikeToken)
    if (typeof credentials === 'string') return { allowed: false, reason: credentials }

    const answers: (Verdict | Promise<Verdict | null>)[] = []
    for (const authenticator of authenticators) {
      if (!accepts.includes(authenticator.kind)) continue
      const answer = authenticator.authenticate(credentials)
      if (answer !== null) answers.push(answer)
    }
    const [answer = nobody(credentials)] = answers
    if (!(answer instanceof Promise) && answers.length < 2) return answer
    const found = answers.length > 1 ? theOnlyOne(answers) : Promise.resolve(answer)
    return found.then((verdict) => verdict ?? nobody(credentials)).catch(verdictOfFailure)
  }
}

function nobody({ bearer }: Credentials): Verdict {
  return { allowed: false, reason: bearer === null ? 'missing_credential' : 'wrong_credential_kind' }
}

function verdictOfFailure(error: unknown): Verdict {
  if (error instanceof StoreUnavailable) return { allowed: false, reason: 'store_unavailable' }
  throw error
}

/** Some may find that they aren't responsible after all. What several come to, or fail with, doesn't matter. */
async function theOnlyOne(
  answers: readonly (Verdict | Promise<Verdict | null>)[],
): Promise<Verdict | null | undefined> {
  const settled = await Promise.allSettled(answers.map((answer) => Promise.resolve(answer)))
  const present = answers.filter((_, at) => {
    const found = settled[at]
    return found?.status !== 'fulfilled' || found.value !== null
  })
  return present.length > 1 ? { allowed: false, reason: 'ambiguous_credentials' } : present[0]
}

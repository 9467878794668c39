import type { CredentialKind, Verdict } from '../domain/verdict.ts'
import type { Credentials } from './credentials.ts'

/**
 * One kind of credential. It answers null where it is not responsible (there is nothing of its kind in the
 * request), else it has judged: allowed or refused. After a refusal no other kind is asked. It may need to look to
 * find that it isn't responsible.
 */
export interface Authenticator {
  readonly kind: CredentialKind
  authenticate(credentials: Credentials): null | Verdict | Promise<Verdict | null>
}

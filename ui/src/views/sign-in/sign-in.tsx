import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useLocation, useSearchParams } from 'wouter'
import { meQuery } from '../../api/me.ts'
import { signInMethodsQuery } from '../../api/sign-in.ts'
import { CodeBlock } from '../../components/code-block.tsx'
import { FormError } from '../../components/field.tsx'
import { backPath } from '../../text/back-path.ts'
import { Entrance } from './entrance.tsx'
import { SignInForm } from './sign-in-form.tsx'

/** Where people sign in; from here they go on to where they wanted to. */
export function SignIn() {
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  const [search] = useSearchParams()
  const methods = useQuery(signInMethodsQuery)
  const asked = search.get('back')
  const back = asked === donePath ? donePath : backPath(asked)

  const goOn = async () => {
    // What someone else had read on this page before.
    queries.clear()
    if (back !== donePath) await queries.prefetchQuery(meQuery)
    navigate(back, { replace: true })
  }

  if (methods.data?.setupNeeded === true && !methods.data.hosted) return <SetupNeeded />
  return (
    <Entrance title="Sign in" description="To manage the service keys.">
      <div className="grid gap-4">
        {search.has('error') ? <FormError>{providerError(search.get('error'))}</FormError> : null}
        <SignInForm onSignedIn={() => void goOn()} back={back} />
      </div>
    </Entrance>
  )
}

/** Where a sign-in in another tab ends. */
export const donePath = '/sign-in/done'

/** The end of a sign-in that was made in another tab, for the sake of a page that waits for it. */
export function SignInDone() {
  return (
    <Entrance title="You are signed in" description="Close this tab, and go on in the one where you were.">
      {null}
    </Entrance>
  )
}

function SetupNeeded() {
  return (
    <Entrance
      title="Set this page up"
      description="Nobody can sign in yet. When the server started, it printed a setup link: open it to become the first administrator."
    >
      <div className="grid gap-3 text-[13px] text-muted">
        <p>The link works for 30 minutes, and once. For another one, run this where the server runs:</p>
        <CodeBlock code="postern admin link" what="Command" />
      </div>
    </Entrance>
  )
}

/** What an identity provider's round trip ended with, by the login's own codes. */
function providerError(code: string | null): string {
  if (code === 'access_denied') return 'The sign-in was cancelled at the identity provider.'
  if (code === 'signup_disabled' || code === 'account_not_linked')
    return 'Nobody with this e-mail address is invited. Ask an administrator for an invitation.'
  return 'Signing in with the identity provider failed. Try again, or use another way.'
}

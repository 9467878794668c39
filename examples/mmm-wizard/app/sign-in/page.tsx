export const dynamic = 'force-dynamic'

/** Where people come in: by Clerk, or under any name where the example has no Clerk. */
export default function SignIn() {
  const { CLERK_ISSUER, MMM_URL = '' } = process.env
  return (
    <main>
      <h1>Sign in</h1>
      {CLERK_ISSUER === undefined ? (
        <form action="/sign-in/local" method="post">
          <label>
            Your name <input name="name" required maxLength={60} autoComplete="name" />
          </label>{' '}
          <button type="submit">Sign in</button>
        </form>
      ) : (
        <a href={accountPortal(CLERK_ISSUER, MMM_URL)}>Sign in with Clerk</a>
      )}
    </main>
  )
}

/** Clerk's own pages: `x.clerk.accounts.dev` has `x.accounts.dev`, and `clerk.example.com` has `accounts.example.com`. */
function accountPortal(issuer: string, returnTo: string): string {
  const { host } = new URL(issuer)
  const portal = host.endsWith('.clerk.accounts.dev')
    ? host.replace('.clerk.accounts.dev', '.accounts.dev')
    : host.replace(/^clerk\./, 'accounts.')
  return `https://${portal}/sign-in?redirect_url=${encodeURIComponent(returnTo)}`
}

import { useQuery } from '@tanstack/react-query'
import { ExternalLink, Fingerprint } from 'lucide-react'
import { useState } from 'react'
import { mountPath } from '../../api/mount.ts'
import { canUsePasskeys, signInByPasskey } from '../../api/passkeys.ts'
import { signInByPassword, signInByProvider, signInMethodsQuery } from '../../api/sign-in.ts'
import { useSubmit } from '../../api/use-submit.ts'
import { Button, buttonLook } from '../../components/button.tsx'
import { Field, FormError, Input } from '../../components/field.tsx'
import { ErrorState, Skeleton } from '../../components/states.tsx'

export interface SignInFormProps {
  onSignedIn: () => void
  /** The path of the page that identity providers come back to. */
  back: string
  /** Known when someone signs in again. */
  email?: string | null
  /** It stands over a page with something typed: nothing may leave the page. */
  isOverPage?: boolean
}

/** The ways to sign in that the server has. */
export function SignInForm({ onSignedIn, back, email = null, isOverPage = false }: SignInFormProps) {
  const methods = useQuery(signInMethodsQuery)
  if (methods.data === undefined)
    return methods.error === null ? (
      <div role="status" className="space-y-4">
        <span className="visually-hidden">Loading</span>
        <Skeleton className="h-8" />
        <Skeleton className="h-8" />
      </div>
    ) : (
      <ErrorState error={methods.error} onRetry={() => void methods.refetch()} />
    )

  const { password, passkey, oidc, hosted } = methods.data
  if (hosted) return <HostedHint isOverPage={isOverPage} onTryAgain={onSignedIn} />
  const hasPasskeys = passkey && canUsePasskeys()
  const hasOthers = hasPasskeys || oidc.length > 0
  return (
    <div className="grid gap-4">
      {hasOthers ? (
        <div className="grid gap-2">
          {hasPasskeys ? <PasskeyButton onSignedIn={onSignedIn} /> : null}
          {isOverPage && oidc.length > 0 ? (
            <a
              href={`${mountPath()}/sign-in?back=/sign-in/done`}
              target="_blank"
              rel="noopener"
              className={buttonLook()}
            >
              <ExternalLink aria-hidden />
              {oidc.map(({ name }) => name).join(' or ')}, in a new tab
            </a>
          ) : (
            oidc.map(({ id, name }) => <ProviderButton key={id} id={id} name={name} back={back} />)
          )}
        </div>
      ) : null}
      {hasOthers && password ? (
        <div className="flex items-center gap-3 text-xs text-muted" aria-hidden>
          <span className="h-px flex-1 bg-line" />
          or
          <span className="h-px flex-1 bg-line" />
        </div>
      ) : null}
      {password ? <PasswordForm email={email} onSignedIn={onSignedIn} /> : null}
    </div>
  )
}

function PasswordForm({ email: known, onSignedIn }: { email: string | null; onSignedIn: () => void }) {
  const [email, setEmail] = useState(known ?? '')
  const [password, setPassword] = useState('')
  const signIn = useSubmit(
    (input: { email: string; password: string }) => signInByPassword(input.email, input.password),
    { onDone: onSignedIn },
  )
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        void signIn.submit({ email, password })
      }}
    >
      <Field label="E-mail address" error={signIn.fieldError('email')}>
        {(control) => (
          <Input
            {...control}
            type="email"
            name="email"
            autoComplete="username"
            required
            readOnly={known !== null}
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
        )}
      </Field>
      <Field label="Password" error={signIn.fieldError('password')}>
        {(control) => (
          <Input
            {...control}
            type="password"
            name="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
      </Field>
      <FormError>{signIn.formError(['email', 'password'])}</FormError>
      <Button type="submit" look="primary" isPending={signIn.isPending}>
        Sign in
      </Button>
    </form>
  )
}

function PasskeyButton({ onSignedIn }: { onSignedIn: () => void }) {
  const signIn = useSubmit(() => signInByPasskey(), { onDone: onSignedIn })
  return (
    <>
      <Button isPending={signIn.isPending} onClick={() => void signIn.submit(undefined)}>
        <Fingerprint aria-hidden />
        Sign in with a passkey
      </Button>
      <FormError>{signIn.formError([])}</FormError>
    </>
  )
}

function ProviderButton({ id, name, back }: { id: string; name: string; back: string }) {
  const signIn = useSubmit(() => signInByProvider(id, back))
  return (
    <>
      <Button isPending={signIn.isPending} onClick={() => void signIn.submit(undefined)}>
        Sign in with {name}
      </Button>
      <FormError>{signIn.formError([])}</FormError>
    </>
  )
}

function HostedHint({ isOverPage, onTryAgain }: { isOverPage: boolean; onTryAgain: () => void }) {
  if (isOverPage)
    return (
      <p className="text-[13px] text-muted">
        Sign in to the app that this page belongs to, in another tab. This page goes on by itself as soon as
        you come back.
      </p>
    )
  return (
    <div className="grid gap-4 text-[13px] text-muted">
      <p>
        This page belongs to an app, and takes its sign-in. Sign in to the app as someone who may manage keys,
        then come back here.
      </p>
      <Button look="primary" onClick={onTryAgain}>
        Try again
      </Button>
    </div>
  )
}

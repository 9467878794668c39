import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation } from 'wouter'
import { meQuery } from '../../api/me.ts'
import { acceptInvitation, leastPasswordLength, setUp } from '../../api/sign-in.ts'
import { useSubmit } from '../../api/use-submit.ts'
import { Button } from '../../components/button.tsx'
import { CodeBlock } from '../../components/code-block.tsx'
import { Field, FormError, Input } from '../../components/field.tsx'
import { Entrance } from './entrance.tsx'
import { forgetLinkToken, useLinkToken } from './link-token.ts'

interface Entry {
  token: string
  email: string
  name: string
  password: string
}

/** What the setup link opens: it makes the first administrator. */
export function Setup() {
  const token = useLinkToken()
  if (token === null)
    return (
      <Entrance
        title="Open the setup link again"
        description="Its token isn’t in the address any more. Open the link that the server printed, or have another one made where the server runs:"
      >
        <CodeBlock code="postern admin link" what="Command" />
      </Entrance>
    )
  return (
    <Entrance
      title="Set this page up"
      description="You become its first administrator. Others come in by your invitation."
    >
      <ComeInForm
        // Another link begins anew.
        key={token}
        token={token}
        hasEmail
        action="Create my account"
        send={(entry) => setUp(entry)}
      />
    </Entrance>
  )
}

/** What an invitation's link opens. */
export function Invitation() {
  const token = useLinkToken()
  if (token === null)
    return (
      <Entrance
        title="Open your invitation again"
        description="Its token isn’t in the address any more. Open the link that you were sent once more; if it doesn’t work, ask whoever invited you for another one."
      >
        {null}
      </Entrance>
    )
  return (
    <Entrance
      title="Welcome"
      description="You were invited to this page. Choose how you are called here, and a password."
    >
      <ComeInForm
        key={token}
        token={token}
        action="Accept the invitation"
        send={({ token: link, name, password }) => acceptInvitation({ token: link, name, password })}
      />
    </Entrance>
  )
}

function ComeInForm({
  token,
  hasEmail = false,
  action,
  send,
}: {
  token: string
  hasEmail?: boolean
  action: string
  send: (entry: Entry) => Promise<void>
}) {
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  const [email, setEmail] = useState('')
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const comeIn = useSubmit(send, {
    onDone: () => {
      void (async () => {
        forgetLinkToken()
        queries.clear()
        await queries.prefetchQuery(meQuery)
        navigate('/', { replace: true })
      })()
    },
  })
  return (
    <form
      // The server says what is wrong, beside the field.
      noValidate
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        void comeIn.submit({ token, email, name, password })
      }}
    >
      {hasEmail ? (
        <Field label="E-mail address" error={comeIn.fieldError('email')}>
          {(control) => (
            <Input
              {...control}
              type="email"
              name="email"
              autoComplete="username"
              required
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
          )}
        </Field>
      ) : null}
      <Field label="Name" error={comeIn.fieldError('name')}>
        {(control) => (
          <Input
            {...control}
            name="name"
            autoComplete="name"
            required
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      <Field
        label="Password"
        hint={`At least ${leastPasswordLength} characters. Length is what counts.`}
        error={comeIn.fieldError('password')}
      >
        {(control) => (
          <Input
            {...control}
            type="password"
            name="password"
            autoComplete="new-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
      </Field>
      <FormError>{comeIn.formError(['email', 'name', 'password'])}</FormError>
      <Button type="submit" look="primary" isPending={comeIn.isPending}>
        {action}
      </Button>
    </form>
  )
}

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { ArrowLeft } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { Link, useLocation, useSearchParams } from 'wouter'
import { useMay } from '../../api/me.ts'
import { problemOf } from '../../api/problem.ts'
import { serviceUserQuery } from '../../api/queries.ts'
import { change } from '../../api/request.ts'
import type { IssuedKeyJson, KeyJson, NewKey as NewKeyBody } from '../../api/types.ts'
import { useSubmit } from '../../api/use-submit.ts'
import { EmptyState, SkeletonRows } from '../../components/states.tsx'
import { KeyForm } from '../../create/key-form.tsx'
import { Page } from '../../frame/page.tsx'
import { LostToken } from '../../token-once/lost-token.tsx'
import { TokenOnce } from '../../token-once/token-once.tsx'

/** The answer with the secret. It lives in this component's state, and goes with it. */
interface Made {
  key: KeyJson
  token: string | null
}

/** A new key: the form, and then its token, once. */
export function NewKey() {
  const [, navigate] = useLocation()
  const queries = useQueryClient()
  const [made, setMade] = useState<Made | null>(null)
  const take = ({ token, ...key }: IssuedKeyJson): void => setMade({ key, token })
  // Bodies whose answers never came: what they asked for may have been done.
  const [unanswered, setUnanswered] = useState<readonly string[]>([])
  const creation = useSubmit<NewKeyBody, IssuedKeyJson>(
    async (body, idempotencyKey) => {
      try {
        return await change<IssuedKeyJson>('POST', '/keys', body, { idempotencyKey })
      } catch (error) {
        const { status } = problemOf(error)
        if (status === 0 || status >= 500) setUnanswered((before) => [...before, JSON.stringify(body)])
        throw error
      }
    },
    {
      onDone: (issued) => {
        take(issued)
        void queries.invalidateQueries({ queryKey: ['keys'] })
      },
    },
  )

  if (made === null)
    return (
      <Page
        title="New key"
        above={<BackToKeys />}
        description="A long-lived credential for one place. Its token is shown once."
      >
        <Creation>
          {(firstUser) => (
            <KeyForm
              firstUser={firstUser}
              submit={creation}
              note={(body) => <UnansweredNote unanswered={unanswered} body={body} />}
            />
          )}
        </Creation>
      </Page>
    )
  if (made.token === null)
    return (
      <Page key="lost" title="The key was made before" isNarrow>
        <LostToken lost={made.key} onReplaced={take} />
      </Page>
    )
  return (
    <Page
      key="made"
      title="Key made"
      heading={`Your new key: ${made.key.name}`}
      description={`Of the service user ${made.key.serviceUser}.`}
    >
      <TokenOnce
        issued={made.key}
        token={made.token}
        onStored={() => {
          setMade(null)
          navigate(`/keys/${made.key.id}`, { replace: true })
        }}
      />
    </Page>
  )
}

function BackToKeys() {
  return (
    <Link href="/" className="inline-flex items-center gap-1.5 text-muted hover:text-ink">
      <ArrowLeft className="size-4" aria-hidden />
      Keys
    </Link>
  )
}

/** Waits for the service user that the address names, and stops whoever may not make keys. */
function Creation({
  children,
}: {
  children: (firstUser: Parameters<typeof KeyForm>[0]['firstUser']) => ReactNode
}) {
  const mayChange = useMay('change')
  const [search] = useSearchParams()
  const id = search.get('serviceUser')
  const user = useQuery({ ...serviceUserQuery(id ?? ''), enabled: id !== null && mayChange })
  if (!mayChange)
    return (
      <EmptyState title="You can look, and not make keys">
        An administrator can, and the owner of a service user for it.
      </EmptyState>
    )
  if (id !== null && user.isPending) return <SkeletonRows />
  return children(user.data?.value ?? null)
}

/** Said once an answer was lost: what the next attempt does. */
function UnansweredNote({ unanswered, body }: { unanswered: readonly string[]; body: NewKeyBody }) {
  if (unanswered.length === 0) return null
  const isRepeat = unanswered.at(-1) === JSON.stringify(body)
  return (
    <p role="status" className="rounded-md bg-warn-soft px-3 py-2 text-[13px] text-warn">
      {isRepeat ? (
        <>
          No answer came, so the key may have been made. Trying again with the same values makes no second
          one.
        </>
      ) : (
        <>
          You changed something since an attempt without an answer: that one may have made a key already, and
          this makes another. <KeysOf serviceUser={body.serviceUser} />
        </>
      )}
    </p>
  )
}

function KeysOf({ serviceUser }: { serviceUser: string }) {
  if (serviceUser === '') return null
  return (
    <Link
      href={`/?${new URLSearchParams({ serviceUser }).toString()}`}
      target="_blank"
      className="font-medium underline"
    >
      Look at its keys
    </Link>
  )
}

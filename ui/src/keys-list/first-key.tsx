import { KeyRound } from 'lucide-react'
import { Link } from 'wouter'
import { useMay } from '../api/me.ts'
import { buttonLook } from '../components/button.tsx'
import { EmptyState } from '../components/states.tsx'

const credentials = [
  {
    who: 'A person in a browser',
    kind: 'their session',
    why: 'They sign in: nothing to paste, nothing to leak.',
  },
  {
    who: 'Your own server, with an identity provider',
    kind: 'a JWT',
    why: 'Minutes long, renewed in memory: nothing to store.',
  },
  {
    who: 'An agent, a desktop client, a CLI, a cron job',
    kind: 'a service key',
    why: 'One for each place that it lives in, with an owner and an end.',
  },
]

/** What is shown while there is no key at all: when to use one. */
export function FirstKey() {
  const mayChange = useMay('change')
  return (
    <EmptyState
      title="No keys yet"
      icon={<KeyRound aria-hidden />}
      actions={
        mayChange ? (
          <Link href="/new" className={buttonLook({ look: 'primary' })}>
            Create the first key
          </Link>
        ) : undefined
      }
    >
      <p className="mb-4">Who calls decides which credential is right.</p>
      <ul className="mx-auto grid max-w-xl gap-2 text-left">
        {credentials.map(({ who, kind, why }) => (
          <li key={who} className="rounded-md border border-line px-3 py-2">
            <span className="text-ink">{who}</span>:{' '}
            <strong className="font-semibold text-ink">{kind}</strong>
            <span className="block text-xs">{why}</span>
          </li>
        ))}
      </ul>
      <details className="mx-auto mt-4 max-w-xl text-left">
        <summary className="text-accent">How to decide</summary>
        <ol className="mt-2 list-decimal space-y-1 pl-5">
          <li>Is there a person in front of a browser? Their session.</li>
          <li>
            Is there an identity provider that both sides trust, and a process that may ask it for a token
            each few minutes? A JWT.
          </li>
          <li>
            Otherwise a service key: with an owner, an expiry, and one key for each place that it lives in.
          </li>
        </ol>
        <p className="mt-2">
          A route takes one kind of caller: a key never opens a page’s route, nor a session an agent’s. A
          service key in a mobile app or a web page is public.
        </p>
      </details>
    </EmptyState>
  )
}

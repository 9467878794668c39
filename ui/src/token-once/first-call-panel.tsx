import { CircleAlert, CircleCheck, Radio } from 'lucide-react'
import { useEffect, useState } from 'react'
import { Link } from 'wouter'
import type { CallJson } from '../api/types.ts'
import { classNames } from '../components/class-names.ts'
import { ExactTime } from '../components/time.tsx'
import { callsOf } from './call-source.ts'
import { isWelcome, watchFirstCall } from './first-call.ts'

/** Waits for the first call with a new key, and says when it is there. */
export function FirstCallPanel({ keyId }: { keyId: string }) {
  const [call, setCall] = useState<CallJson | null>(null)
  useEffect(() => watchFirstCall(callsOf(keyId), { onCall: setCall }), [keyId])
  const look = call === null ? 'waiting' : isWelcome(call) ? 'came' : 'refused'

  return (
    <section
      aria-label="First call"
      data-first-call={look}
      className={classNames(
        'rounded-lg border p-4 transition-colors duration-300',
        look === 'waiting' && 'border-line bg-surface',
        look === 'refused' && 'border-transparent bg-warn-soft',
        look === 'came' && 'border-transparent bg-good-soft',
      )}
    >
      <div role="status" className="flex items-start gap-3">
        {look === 'came' ? (
          <CircleCheck className="mt-px size-5 shrink-0 text-good" aria-hidden />
        ) : look === 'refused' ? (
          <CircleAlert className="mt-px size-5 shrink-0 text-warn" aria-hidden />
        ) : (
          <Radio className="mt-px size-5 shrink-0 animate-pulse text-accent" aria-hidden />
        )}
        <div className="min-w-0 space-y-1 text-[13px]">
          {call === null ? (
            <>
              <p className="font-medium">Waiting for the first call…</p>
              <p className="text-muted">Paste the token where it belongs and call: it shows here at once.</p>
            </>
          ) : (
            <CallWords call={call} />
          )}
        </div>
      </div>
    </section>
  )
}

function CallWords({ call }: { call: CallJson }) {
  const isCome = isWelcome(call)
  const what = call.tool ?? call.method ?? call.path ?? 'a request'
  return (
    <>
      <p className={classNames('font-medium', isCome ? 'text-good' : 'text-warn')}>
        {isCome ? 'The key works.' : 'A call came, and was refused.'}
      </p>
      <p>
        <code className="font-mono text-xs">{what}</code>
        {isCome ? null : (
          <>
            {': '}
            <span className="font-medium">{(call.reason ?? 'refused').replaceAll('_', ' ')}</span>
          </>
        )}
      </p>
      <p className="text-muted">
        <ExactTime at={call.at} />
        {call.clientAddress === null ? '' : ` from ${call.clientAddress}`}
        {call.userAgent === null ? '' : ` by ${call.userAgent.slice(0, 80)}`}
      </p>
      {isCome ? null : (
        <p className="text-muted">
          Still waiting for one that gets through.{' '}
          <Link href={`/keys/${call.keyId ?? ''}/trail`} className="text-accent underline">
            Its trail
          </Link>
        </p>
      )}
    </>
  )
}

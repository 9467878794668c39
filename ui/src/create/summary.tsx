import { useId } from 'react'
import type { ServiceUserJson } from '../api/types.ts'
import { CopyAsCli } from '../components/code-block.tsx'
import { RelativeTime } from '../components/time.tsx'
import { dayText, lengthText } from '../text/relative-time.ts'
import { serverNow } from '../api/server-time.ts'
import { accessWords } from './access-words.ts'
import { endOf } from './expiry.ts'
import { createCommand, type KeyDraft } from './request.ts'

/** What the key will be able to do, in plain words, before it is made. */
export function Summary({
  draft,
  user,
  denyToolsByDefault,
}: {
  draft: KeyDraft
  user: ServiceUserJson | null
  denyToolsByDefault: boolean
}) {
  const heading = useId()
  const end = endOf(draft.expiry, serverNow())
  return (
    <section aria-labelledby={heading} className="panel p-4 text-[13px] lg:sticky lg:top-6">
      <div className="mb-2 flex items-center justify-between gap-2">
        <h2 id={heading} className="font-semibold">
          What this key will do
        </h2>
        <CopyAsCli command={createCommand(draft, user?.name ?? 'NAME')} />
      </div>
      <div className="space-y-2" aria-live="polite">
        <p>
          {user === null ? (
            <>It acts as the service user that you choose.</>
          ) : (
            <>
              It acts as <strong className="font-semibold">{user.name}</strong>
              {user.customer === null ? '' : ` of ${user.customer}`}.
            </>
          )}{' '}
          {accessWords(draft, denyToolsByDefault)}
        </p>
        <p>
          {end === null ? (
            'It has no end yet.'
          ) : (
            <>
              It ends {/* As it was chosen: what is left of 180 days is 179 of them a moment later. */}
              {'days' in draft.expiry ? (
                `in ${lengthText(draft.expiry.days * 86_400_000)}`
              ) : (
                <RelativeTime at={end} />
              )}
              , on {dayText(end - 1)}.
            </>
          )}{' '}
          {draft.selfRotate ? 'Until then it may renew itself with its own token.' : ''}
        </p>
        <p className="text-muted">
          {user === null
            ? ''
            : user.owner === null
              ? 'It has no owner: nobody is told before it ends.'
              : `${user.owner} is told when it is made, and before it ends.`}
        </p>
      </div>
    </section>
  )
}

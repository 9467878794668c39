import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { keyUsageQuery } from '../api/queries.ts'
import { change } from '../api/request.ts'
import { useNow } from '../api/server-time.ts'
import type { KeyJson, ShownKeyJson } from '../api/types.ts'
import { useSubmit } from '../api/use-submit.ts'
import { CopyAsCli } from '../components/code-block.tsx'
import { AlertDialog } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { showToast } from '../components/toast.tsx'
import { counted } from '../text/numbers.ts'
import { visibleText } from '../trail/visible-text.ts'
import { Visible } from '../trail/visible.tsx'
import { commandLine, options } from './commands.ts'
import { usageWindow } from './usage-range.ts'

const lateMs = 7 * 86_400_000

/** Ends the key for good. Its name is asked for only where something would miss it. */
export function RevokeDialog({ shown, onClose }: { shown: ShownKeyJson; onClose: () => void }) {
  const now = useNow()
  const [reason, setReason] = useState('')
  const [typedName, setTypedName] = useState('')
  const usage = useQuery({ ...keyUsageQuery(shown.id, usageWindow('24h', now)), retry: false })
  const calls = usage.data?.callsLast24h
  const isUsedLately =
    (shown.lastUsedAt !== null && now - Date.parse(shown.lastUsedAt) < lateMs) || (calls ?? 0) > 0
  const name = visibleText(shown.name)
  const isNamed = !isUsedLately || [name, shown.name].includes(typedName.trim())

  const revocation = useSubmit(
    (body: { reason: string }) => change<KeyJson>('POST', `/keys/${shown.id}/revoke`, body),
    {
      stale: [['keys'], ['notices']],
      onDone: () => {
        showToast('Key revoked', { detail: 'Every call with it is refused within a second.' })
        onClose()
      },
    },
  )
  return (
    <AlertDialog
      isOpen
      onClose={onClose}
      title={
        <>
          Revoke “<Visible text={shown.name} />
          ”?
        </>
      }
      description={
        <>
          Every call with it is refused within a second, for good: it can’t be taken back.{' '}
          <strong className="font-medium text-ink">
            {calls === undefined
              ? usage.isError
                ? 'How much it is used could not be read.'
                : 'Counting its calls…'
              : calls === 0
                ? 'Nothing called with it in the last 24 hours.'
                : `${counted(calls, 'call')} came with it in the last 24 hours.`}
          </strong>
          {isUsedLately && shown.state === 'active' ? ' To replace it without a gap, rotate it instead.' : ''}
        </>
      }
      confirmLabel="Revoke key"
      canConfirm={reason.trim() !== '' && isNamed && !usage.isPending}
      isPending={revocation.isPending}
      onConfirm={() => void revocation.submit({ reason: reason.trim() })}
      error={revocation.formError(['reason'])}
    >
      <Field
        label="Why"
        isRequired
        hint="Stands in its history, and in the notice to its owner."
        error={revocation.fieldError('reason')}
      >
        {(control) => (
          <Input
            {...control}
            value={reason}
            placeholder="Leaked in a public repository"
            onChange={(event) => setReason(event.target.value)}
          />
        )}
      </Field>
      {isUsedLately ? (
        <Field
          label={
            <>
              Type <span className="font-mono text-xs break-all">{name}</span> to confirm
            </>
          }
          hint="It is asked for because the key was used lately."
        >
          {(control) => (
            <Input
              {...control}
              value={typedName}
              spellCheck={false}
              onChange={(event) => setTypedName(event.target.value)}
            />
          )}
        </Field>
      ) : null}
      <CopyAsCli
        command={commandLine('keys', 'revoke', shown.id, ...options({ reason: reason.trim() || undefined }))}
      />
    </AlertDialog>
  )
}

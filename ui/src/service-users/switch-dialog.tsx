import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { keysQuery, rowsOf } from '../api/queries.ts'
import { change } from '../api/request.ts'
import type { ServiceUserJson } from '../api/types.ts'
import { useSubmit } from '../api/use-submit.ts'
import { CopyAsCli } from '../components/code-block.tsx'
import { AlertDialog } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { showToast } from '../components/toast.tsx'
import { commandLine, options } from '../key/commands.ts'
import { Visible } from '../trail/visible.tsx'
import { whatStops } from './what-stops.ts'

/** Disables a service user, saying what stops; or enables it again, saying what comes back. */
export function SwitchServiceUser({ user, onClose }: { user: ServiceUserJson; onClose: () => void }) {
  const isDisabled = user.disabledAt !== null
  const step = isDisabled ? 'enable' : 'disable'
  const [reason, setReason] = useState('')
  const keys = useInfiniteQuery(keysQuery({ serviceUser: user.id, limit: 200 }))
  const asked = reason.trim() === '' ? {} : { reason: reason.trim() }
  const submit = useSubmit(
    (body: { reason?: string }) => change<ServiceUserJson>('POST', `/service-users/${user.id}/${step}`, body),
    {
      stale: [['service-users'], ['keys']],
      onDone: () => {
        showToast(isDisabled ? 'Service user enabled' : 'Service user disabled')
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
          {isDisabled ? 'Enable' : 'Disable'} “<Visible text={user.name} />
          ”?
        </>
      }
      description={
        <>
          {isDisabled
            ? 'Its keys that have not ended work again at once. '
            : 'Every call with any of its keys is refused within a second, until it is enabled again. '}
          <strong className="font-medium text-ink">
            {keys.data === undefined
              ? keys.isError
                ? 'Its keys could not be read.'
                : 'Counting its keys…'
              : whatStops(rowsOf(keys.data), { isDisabled, hasMore: keys.hasNextPage })}
          </strong>
        </>
      }
      confirmLabel={isDisabled ? 'Enable' : 'Disable'}
      isDangerous={!isDisabled}
      canConfirm={isDisabled || reason.trim() !== ''}
      isPending={submit.isPending}
      onConfirm={() => void submit.submit(asked)}
      error={submit.formError(['reason'])}
    >
      <Field
        label="Why"
        isRequired={!isDisabled}
        isOptional={isDisabled}
        hint="Stands in its history."
        error={submit.fieldError('reason')}
      >
        {(control) => (
          <Input {...control} value={reason} onChange={(event) => setReason(event.target.value)} />
        )}
      </Field>
      <CopyAsCli command={commandLine('service-users', step, user.id, ...options(asked))} />
    </AlertDialog>
  )
}

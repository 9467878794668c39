import { useQuery } from '@tanstack/react-query'
import { Fingerprint, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { addPasskey, canUsePasskeys, passkeysQuery, removePasskey, type Passkey } from '../../api/passkeys.ts'
import { signInMethodsQuery } from '../../api/sign-in.ts'
import { useSubmit } from '../../api/use-submit.ts'
import { Button } from '../../components/button.tsx'
import { AlertDialog, Dialog } from '../../components/dialog.tsx'
import { Field, FormError, Input } from '../../components/field.tsx'
import { ErrorState, Skeleton } from '../../components/states.tsx'
import { Time } from '../../components/time.tsx'
import { showToast } from '../../components/toast.tsx'

/** One's own passkeys. */
export function OwnPasskeys() {
  const methods = useQuery(signInMethodsQuery)
  const passkeys = useQuery(passkeysQuery)
  const [isAdding, setAdding] = useState(false)
  const [removed, setRemoved] = useState<Passkey | null>(null)
  const isPossible = methods.data?.passkey === true && canUsePasskeys()
  return (
    <div className="panel">
      <div className="flex flex-wrap items-center justify-between gap-3 px-4 py-3">
        <div className="min-w-0 flex-1 basis-60">
          <h3 className="text-[13px] font-medium">Passkeys</h3>
          <p className="text-xs text-muted">
            {isPossible
              ? 'Sign in with your device’s fingerprint, face or PIN in place of the password.'
              : methods.data?.passkey === false
                ? 'Passkeys don’t work at this address of the page: they need a host name.'
                : 'This browser can’t use passkeys here.'}
          </p>
        </div>
        {isPossible ? <Button onClick={() => setAdding(true)}>Add a passkey</Button> : null}
      </div>
      {passkeys.data === undefined ? (
        passkeys.error === null ? (
          <div className="border-t border-line px-4 py-3">
            <Skeleton className="w-1/2" />
          </div>
        ) : (
          <ErrorState error={passkeys.error} onRetry={() => void passkeys.refetch()} />
        )
      ) : passkeys.data.length === 0 ? null : (
        <ul className="divide-y divide-line border-t border-line">
          {passkeys.data.map((passkey) => (
            <li key={passkey.id} className="flex items-center gap-3 py-2 pr-2 pl-4 text-[13px]">
              <Fingerprint className="size-4 shrink-0 text-muted" aria-hidden />
              <span className="min-w-0 flex-1">
                {nameOf(passkey)}
                {passkey.createdAt == null ? null : (
                  <span className="block text-xs text-muted">
                    added <Time at={passkey.createdAt} />
                  </span>
                )}
              </span>
              <Button
                look="quiet"
                size="icon"
                aria-label={`Remove the passkey ${nameOf(passkey)}`}
                onClick={() => setRemoved(passkey)}
              >
                <Trash2 aria-hidden />
              </Button>
            </li>
          ))}
        </ul>
      )}
      {isAdding ? <AddDialog onClose={() => setAdding(false)} /> : null}
      {removed === null ? null : <RemoveDialog passkey={removed} onClose={() => setRemoved(null)} />}
    </div>
  )
}

function nameOf({ name }: Passkey): string {
  return name == null || name === '' ? 'Passkey' : name
}

function AddDialog({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('')
  const adding = useSubmit((input: string) => addPasskey(input), {
    stale: [passkeysQuery.queryKey],
    onDone: () => {
      showToast('Passkey added')
      onClose()
    },
  })
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Add a passkey"
      description="Your browser then asks where to keep it, and for your fingerprint, face or PIN."
    >
      <form
        // The server says what is wrong, beside the field.
        noValidate
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          void adding.submit(name.trim())
        }}
      >
        <Field
          label="Name"
          hint="To tell it from others, such as “Work laptop”."
          error={adding.fieldError('name')}
        >
          {(control) => (
            <Input
              {...control}
              required
              maxLength={100}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <FormError>{adding.formError(['name'])}</FormError>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" isPending={adding.isPending}>
            Continue
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

function RemoveDialog({ passkey, onClose }: { passkey: Passkey; onClose: () => void }) {
  const removing = useSubmit(() => removePasskey(passkey.id), {
    stale: [passkeysQuery.queryKey],
    onDone: () => {
      showToast('Passkey removed')
      onClose()
    },
  })
  return (
    <AlertDialog
      isOpen
      onClose={onClose}
      title={`Remove the passkey ${nameOf(passkey)}?`}
      description="It no longer signs you in here. Your device may still list it."
      confirmLabel="Remove"
      isPending={removing.isPending}
      error={removing.formError([])}
      onConfirm={() => void removing.submit(undefined)}
    />
  )
}

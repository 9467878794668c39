import { useState } from 'react'
import { changePassword, leastPasswordLength } from '../../api/sign-in.ts'
import { useSubmit } from '../../api/use-submit.ts'
import { Button } from '../../components/button.tsx'
import { Dialog } from '../../components/dialog.tsx'
import { Field, FormError, Input } from '../../components/field.tsx'
import { showToast } from '../../components/toast.tsx'

/** One's own password. */
export function OwnPassword() {
  const [isOpen, setOpen] = useState(false)
  return (
    <div className="panel flex flex-wrap items-center justify-between gap-3 px-4 py-3">
      <div>
        <h3 className="text-[13px] font-medium">Password</h3>
        <p className="text-xs text-muted">Changing it signs you out everywhere else.</p>
      </div>
      <Button onClick={() => setOpen(true)}>Change password</Button>
      {isOpen ? <PasswordDialog onClose={() => setOpen(false)} /> : null}
    </div>
  )
}

function PasswordDialog({ onClose }: { onClose: () => void }) {
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const changing = useSubmit(() => changePassword(current, next), {
    onDone: () => {
      showToast('Password changed', { detail: 'You are signed out everywhere else.' })
      onClose()
    },
  })
  const isWrong = changing.problem?.code === 'invalid_password'
  return (
    <Dialog isOpen onClose={onClose} title="Change your password">
      <form
        // The server says what is wrong, beside the field.
        noValidate
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          void changing.submit(undefined)
        }}
      >
        <Field label="Current password" error={isWrong ? 'This is not your current password.' : undefined}>
          {(control) => (
            <Input
              {...control}
              type="password"
              autoComplete="current-password"
              required
              value={current}
              onChange={(event) => setCurrent(event.target.value)}
            />
          )}
        </Field>
        <Field
          label="New password"
          hint={`At least ${leastPasswordLength} characters. Length is what counts.`}
          error={changing.fieldError('newPassword')}
        >
          {(control) => (
            <Input
              {...control}
              type="password"
              autoComplete="new-password"
              required
              value={next}
              onChange={(event) => setNext(event.target.value)}
            />
          )}
        </Field>
        <FormError>{isWrong ? null : changing.formError(['newPassword'])}</FormError>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" isPending={changing.isPending}>
            Change password
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

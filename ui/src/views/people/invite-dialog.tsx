import { useState } from 'react'
import { invite, peopleQuery, type Role } from '../../api/people.ts'
import { useSubmit } from '../../api/use-submit.ts'
import { Button } from '../../components/button.tsx'
import { CopyButton } from '../../components/copy-button.tsx'
import { Dialog } from '../../components/dialog.tsx'
import { Field, FormError, Input } from '../../components/field.tsx'
import { Select } from '../../components/select.tsx'
import { ExactTime } from '../../components/time.tsx'
import { roleTexts } from '../../text/roles.ts'

/** Invites someone, and then shows the link, once. */
export function InviteDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const [email, setEmail] = useState('')
  const [role, setRole] = useState<Role>('owner')
  const [link, setLink] = useState<{ url: string; email: string; expiresAt: string } | null>(null)
  const inviting = useSubmit(invite, { stale: [peopleQuery.queryKey], onDone: setLink })

  const close = () => {
    onClose()
    setEmail('')
    setRole('owner')
    setLink(null)
    inviting.reset()
  }

  if (link !== null)
    return (
      <Dialog
        isOpen={isOpen}
        onClose={close}
        isStubborn
        width="wide"
        title={`Send this link to ${link.email}`}
        description={
          <>
            It lets them in once, until <ExactTime at={link.expiresAt} />. It is shown only now: if it gets
            lost, withdraw the invitation and make another.
          </>
        }
        actions={
          <Button look="primary" onClick={close}>
            Done
          </Button>
        }
      >
        <div className="flex flex-wrap items-center gap-2 rounded-md border border-line bg-sunken p-2">
          <code className="min-w-0 flex-1 basis-64 px-1 font-mono text-xs break-all">{link.url}</code>
          <CopyButton text={link.url} what="Link" look="primary" />
        </div>
      </Dialog>
    )

  return (
    <Dialog
      isOpen={isOpen}
      onClose={close}
      title="Invite someone"
      description="You get a link to send to them. It works once, for seven days."
    >
      <form
        // The server says what is wrong, beside the field.
        noValidate
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          void inviting.submit({ email, role })
        }}
      >
        <Field label="E-mail address" error={inviting.fieldError('email')}>
          {(control) => (
            <Input
              {...control}
              type="email"
              required
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
          )}
        </Field>
        <Field label="Role" error={inviting.fieldError('role')}>
          {(control) => <Select {...control} options={roleTexts} value={role} onChange={setRole} />}
        </Field>
        <FormError>{inviting.formError(['email', 'role'])}</FormError>
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" isPending={inviting.isPending}>
            Make the link
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

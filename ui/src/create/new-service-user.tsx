import { useId, useState } from 'react'
import { useMe } from '../api/me.ts'
import { change, get } from '../api/request.ts'
import type { NewServiceUser as NewServiceUserBody, PageJson, ServiceUserJson } from '../api/types.ts'
import { useSubmit } from '../api/use-submit.ts'
import { Button } from '../components/button.tsx'
import { CopyAsCli } from '../components/code-block.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, FormError, Input } from '../components/field.tsx'
import { commandLine, options } from '../key/commands.ts'

const fields = ['name', 'owner', 'backupOwner', 'customer'] as const
type Draft = Record<(typeof fields)[number], string>

/** Makes a service user without leaving the form for the key. */
export function NewServiceUser({
  name,
  onDone,
  onClose,
}: {
  /** What it is called at first. */
  name: string
  onDone: (user: ServiceUserJson) => void
  onClose: () => void
}) {
  const form = useId()
  const { email, role, deployment } = useMe()
  const [draft, setDraft] = useState<Draft>({ name, owner: email ?? '', backupOwner: '', customer: '' })
  const creation = useSubmit(
    (body: NewServiceUserBody) => change<ServiceUserJson>('POST', '/service-users', body),
    { stale: [['service-users']], onDone },
  )
  const existing = useSubmit(findByName, { onDone: (user) => user !== null && onDone(user) })
  const set = (field: keyof Draft) => (event: { target: { value: string } }) =>
    setDraft({ ...draft, [field]: event.target.value })

  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="New service user"
      description="The identity that keys belong to. It stays when people leave."
      actions={
        <>
          <span className="mr-auto max-sm:not-empty:basis-full">
            <CopyAsCli command={commandOf(draft)} />
          </span>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form={form} look="primary" isPending={creation.isPending}>
            Create service user
          </Button>
        </>
      }
    >
      <form
        id={form}
        noValidate
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          void creation.submit(bodyOf(draft))
        }}
      >
        <FormError>{creation.formError(fields)}</FormError>
        <Field
          label="Name"
          isRequired
          error={creation.fieldError('name')}
          hint="After what it does: crawler, nightly-forecast."
        >
          {(control) => <Input {...control} autoFocus value={draft.name} onChange={set('name')} />}
        </Field>
        {creation.problem?.code !== 'name_taken' ? null : (
          <div>
            <Button
              size="small"
              isPending={existing.isPending}
              onClick={() => void existing.submit(draft.name)}
            >
              Take the one that is there
            </Button>
          </div>
        )}
        <Field
          label="Owner"
          isRequired={deployment.policy.requireOwner}
          isOptional={!deployment.policy.requireOwner}
          error={creation.fieldError('owner')}
          hint="Who answers for it, and is told before keys end: a person or a team’s address."
        >
          {(control) => <Input {...control} type="email" value={draft.owner} onChange={set('owner')} />}
        </Field>
        <Field
          label="Backup owner"
          isOptional
          error={creation.fieldError('backupOwner')}
          hint="Told as well, where the owner doesn’t react."
        >
          {(control) => (
            <Input {...control} type="email" value={draft.backupOwner} onChange={set('backupOwner')} />
          )}
        </Field>
        {role === 'owner' ? null : (
          <Field label="Customer" isOptional error={creation.fieldError('customer')}>
            {(control) => <Input {...control} value={draft.customer} onChange={set('customer')} />}
          </Field>
        )}
      </form>
    </Dialog>
  )
}

function bodyOf(draft: Draft): NewServiceUserBody {
  const { name, ...others } = draft
  return { name, ...Object.fromEntries(Object.entries(others).filter(([, value]) => value.trim() !== '')) }
}

function commandOf(draft: Draft): string {
  const { name, owner, backupOwner, customer } = draft
  return commandLine(
    'service-users',
    'create',
    ...options({ owner, 'backup-owner': backupOwner || null, customer: customer || null }),
    ...(name.startsWith('-') ? ['--', name] : [name]),
  )
}

async function findByName(name: string): Promise<ServiceUserJson | null> {
  const { data } = await get<PageJson<ServiceUserJson>>('/service-users', { search: name.trim(), limit: 200 })
  return data.find((user) => user.name === name.normalize('NFC').trim()) ?? null
}

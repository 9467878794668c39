import { useState } from 'react'
import { issueManagementKey, managementKeysQuery } from '../../api/management-keys.ts'
import { pageUrl } from '../../api/mount.ts'
import type { IssuedManagementKeyJson, NewManagementKey } from '../../api/types.ts'
import { useSubmit } from '../../api/use-submit.ts'
import { Button } from '../../components/button.tsx'
import { CodeBlock } from '../../components/code-block.tsx'
import { CopyButton } from '../../components/copy-button.tsx'
import { Dialog } from '../../components/dialog.tsx'
import { Checkbox, Field, FormError, Input } from '../../components/field.tsx'
import { Select } from '../../components/select.tsx'
import { ExactTime } from '../../components/time.tsx'

const lives = [
  { value: '30d', label: '30 days' },
  { value: '90d', label: '90 days' },
  { value: '180d', label: '180 days' },
  { value: '365d', label: '365 days' },
] as const

const roles = [
  { value: 'auditor', label: 'Read', hint: 'Lists, trail and export' },
  {
    value: 'admin',
    label: 'Read and change',
    hint: 'Makes, rotates and revokes keys; never decides who comes in',
  },
] as const

/** Makes a management key, and then shows its token, once. */
export function NewManagementKeyDialog({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('')
  const [role, setRole] = useState<NewManagementKey['role']>('auditor')
  const [expires, setExpires] = useState<(typeof lives)[number]['value']>('90d')
  const [issued, setIssued] = useState<IssuedManagementKeyJson | null>(null)
  const making = useSubmit(issueManagementKey, {
    stale: [managementKeysQuery.queryKey],
    onDone: setIssued,
  })
  if (issued !== null) return <IssuedDialog issued={issued} onClose={onClose} />
  return (
    <Dialog isOpen onClose={onClose} title="New management key">
      <form
        // The server says what is wrong, beside the field.
        noValidate
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          void making.submit({ name, role, expires })
        }}
      >
        <Field
          label="Name"
          hint="What it is for, such as “Deploy pipeline”."
          error={making.fieldError('name')}
        >
          {(control) => (
            <Input {...control} required value={name} onChange={(event) => setName(event.target.value)} />
          )}
        </Field>
        <Field label="It may" error={making.fieldError('role')}>
          {(control) => <Select {...control} options={roles} value={role} onChange={setRole} />}
        </Field>
        <Field label="It ends after" error={making.fieldError('expires')}>
          {(control) => <Select {...control} options={lives} value={expires} onChange={setExpires} />}
        </Field>
        <FormError>{making.formError(['name', 'role', 'expires'])}</FormError>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" isPending={making.isPending}>
            Make the key
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

function IssuedDialog({ issued, onClose }: { issued: IssuedManagementKeyJson; onClose: () => void }) {
  const [isStored, setStored] = useState(false)
  return (
    <Dialog
      isOpen
      isStubborn
      width="wide"
      onClose={onClose}
      title={`Store the token of ${issued.name}`}
      description={
        <>
          It is shown only now, and works until <ExactTime at={issued.expiresAt} />.
        </>
      }
      actions={
        <Button look="primary" disabled={!isStored} onClick={onClose}>
          Done
        </Button>
      }
    >
      <div className="grid gap-4">
        <div className="flex flex-wrap items-center gap-2 rounded-md border border-line bg-sunken p-2">
          <code className="min-w-0 flex-1 basis-64 px-1 font-mono text-[13px] break-all">{issued.token}</code>
          <CopyButton text={issued.token} what="Token" look="primary" />
        </div>
        <CodeBlock
          label="For the command line"
          what="Variables"
          code={`POSTERN_URL=${pageUrl('')}\nPOSTERN_TOKEN=${issued.token}`}
        />
        <Checkbox checked={isStored} onChange={(event) => setStored(event.target.checked)}>
          I have stored the token
        </Checkbox>
      </div>
    </Dialog>
  )
}

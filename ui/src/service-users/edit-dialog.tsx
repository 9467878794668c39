import { useQueryClient } from '@tanstack/react-query'
import { useId } from 'react'
import { useMe } from '../api/me.ts'
import { serviceUserQuery } from '../api/queries.ts'
import { change } from '../api/request.ts'
import type { ServiceUserJson } from '../api/types.ts'
import { Button } from '../components/button.tsx'
import { ChangedMeanwhile } from '../components/changed-meanwhile.tsx'
import { CopyAsCli } from '../components/code-block.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, FormError, Input } from '../components/field.tsx'
import { showToast } from '../components/toast.tsx'
import { commandLine, options } from '../key/commands.ts'
import { useVersionedEdit } from '../key/use-versioned-edit.ts'

const labels = { name: 'Name', owner: 'Owner', backupOwner: 'Backup owner', customer: 'Customer' } as const
type Draft = Record<keyof typeof labels, string>

const draftOf = ({ name, owner, backupOwner, customer }: ServiceUserJson): Draft => ({
  name,
  owner: owner ?? '',
  backupOwner: backupOwner ?? '',
  customer: customer ?? '',
})

/** Who a service user is called, who answers for it, and whose it is. */
export function EditServiceUser({
  user,
  etag,
  onClose,
}: {
  user: ServiceUserJson
  etag: string | null
  onClose: () => void
}) {
  const form = useId()
  const queries = useQueryClient()
  const { role, deployment } = useMe()
  const { requireOwner } = deployment.policy
  const edit = useVersionedEdit<Draft>({
    current: { value: draftOf(user), etag: etag ?? `"${user.version}"` },
    read: async () => {
      const { value, etag } = await queries.fetchQuery({ ...serviceUserQuery(user.id), staleTime: 0 })
      return { value: draftOf(value), etag }
    },
    send: async (patch, ifMatch) => {
      const saved = await change<ServiceUserJson>('PATCH', `/service-users/${user.id}`, withNulls(patch), {
        ifMatch,
      })
      return { value: draftOf(saved), etag: `"${saved.version}"` }
    },
    labels,
    stale: [['service-users'], ['keys']],
    onDone: () => {
      showToast('Service user saved')
      onClose()
    },
  })
  const input = (field: keyof Draft, more: { hint: string; isOptional?: boolean; isMail?: boolean }) => (
    <Field
      label={labels[field]}
      hint={more.hint}
      isOptional={more.isOptional ?? false}
      isRequired={more.isOptional !== true}
      error={edit.submit.fieldError(field)}
    >
      {(control) => (
        <Input
          {...control}
          // Not of the kind "email": what is wrong with it, the server says.
          inputMode={more.isMail === true ? 'email' : 'text'}
          value={edit.draft[field]}
          onChange={(event) => edit.setDraft({ [field]: event.target.value })}
        />
      )}
    </Field>
  )
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Edit the service user"
      actions={
        <>
          <span className="mr-auto max-sm:not-empty:basis-full">
            {edit.isChanged ? <CopyAsCli command={editCommand(user.id, edit.changes)} /> : null}
          </span>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            form={form}
            look="primary"
            isPending={edit.submit.isPending}
            disabled={!edit.isChanged}
          >
            Save
          </Button>
        </>
      }
    >
      <form
        id={form}
        noValidate
        className="grid gap-4 pt-1"
        onSubmit={(event) => {
          event.preventDefault()
          if (edit.isChanged) void edit.save()
        }}
      >
        {edit.meanwhile === null ? (
          <FormError>{edit.submit.formError(Object.keys(labels))}</FormError>
        ) : (
          <ChangedMeanwhile
            what="This service user"
            changes={edit.meanwhile.differences}
            by={edit.meanwhile.by}
            onKeepMine={edit.meanwhile.keepMine}
            onTakeTheirs={edit.meanwhile.takeTheirs}
            isPending={edit.submit.isPending}
          />
        )}
        {input('name', {
          hint: 'What it is called here and in the trail. Its id and its keys stay as they are.',
        })}
        {input('owner', {
          hint: 'Who answers for it, and is told before keys end: a person or a team’s address.',
          isOptional: !requireOwner,
          isMail: true,
        })}
        {input('backupOwner', {
          hint: 'Told as well, where the owner doesn’t react.',
          isOptional: true,
          isMail: true,
        })}
        {role === 'owner'
          ? null
          : input('customer', { hint: 'Whose agent it is, where that is a customer’s.', isOptional: true })}
      </form>
    </Dialog>
  )
}

function editCommand(id: string, { name, owner, backupOwner, customer }: Partial<Draft>): string {
  return commandLine(
    'service-users',
    'edit',
    id,
    ...options({
      name,
      owner,
      'backup-owner': backupOwner || undefined,
      'no-backup-owner': backupOwner === '' || undefined,
      customer: customer || undefined,
      'no-customer': customer === '' || undefined,
    }),
  )
}

/** What was emptied is taken away; a name can't be. */
function withNulls(patch: Partial<Draft>): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(patch).map(([field, value]) => [
      field,
      field !== 'name' && value.trim() === '' ? null : value.trim(),
    ]),
  )
}

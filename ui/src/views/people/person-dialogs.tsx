import { useState } from 'react'
import { peopleQuery, removePerson, setRole, signOutEverywhere, type Role } from '../../api/people.ts'
import type { PersonJson } from '../../api/types.ts'
import { useSubmit } from '../../api/use-submit.ts'
import { AlertDialog } from '../../components/dialog.tsx'
import { Field } from '../../components/field.tsx'
import { Select } from '../../components/select.tsx'
import { showToast } from '../../components/toast.tsx'
import { roleLabel, roleTexts } from '../../text/roles.ts'

/** What is being done to someone. */
export interface PersonAction {
  what: 'role' | 'remove' | 'sign-out'
  person: PersonJson
}

/** Asks before it is done. */
export function PersonDialog({ action, onClose }: { action: PersonAction; onClose: () => void }) {
  const { what, person } = action
  if (what === 'role') return <RoleDialog person={person} onClose={onClose} />
  if (what === 'remove') return <RemoveDialog person={person} onClose={onClose} />
  return <SignOutDialog person={person} onClose={onClose} />
}

function RoleDialog({ person, onClose }: { person: PersonJson; onClose: () => void }) {
  const [role, choose] = useState<Role>(person.role)
  const changing = useSubmit((next: Role) => setRole(person.id, next), {
    stale: [peopleQuery.queryKey, ['me']],
    onDone: (_, next) => {
      showToast(`${person.name} is ${roleLabel(next).toLowerCase()} now`)
      onClose()
    },
  })
  return (
    <AlertDialog
      isOpen
      onClose={onClose}
      title={`Change the role of ${person.name}`}
      description="It holds from their next request on."
      confirmLabel="Change role"
      isDangerous={false}
      canConfirm={role !== person.role}
      isPending={changing.isPending}
      error={changing.formError(['role'])}
      onConfirm={() => void changing.submit(role)}
    >
      <Field label="Role" error={changing.fieldError('role')}>
        {(control) => <Select {...control} options={roleTexts} value={role} onChange={choose} />}
      </Field>
    </AlertDialog>
  )
}

function RemoveDialog({ person, onClose }: { person: PersonJson; onClose: () => void }) {
  const removing = useSubmit(() => removePerson(person.id), {
    stale: [peopleQuery.queryKey],
    onDone: () => {
      showToast(`${person.name} was removed`)
      onClose()
    },
  })
  return (
    <AlertDialog
      isOpen
      onClose={onClose}
      title={`Remove ${person.name}?`}
      description={
        <>
          {person.email} is signed out everywhere and can’t come in again without another invitation. The keys
          and service users that they made stay.
        </>
      }
      confirmLabel="Remove"
      isPending={removing.isPending}
      error={removing.formError([])}
      onConfirm={() => void removing.submit(undefined)}
    />
  )
}

function SignOutDialog({ person, onClose }: { person: PersonJson; onClose: () => void }) {
  const signingOut = useSubmit(() => signOutEverywhere(person.id), {
    onDone: () => {
      showToast(`${person.name} was signed out everywhere`)
      onClose()
    },
  })
  return (
    <AlertDialog
      isOpen
      onClose={onClose}
      title={`Sign ${person.name} out everywhere?`}
      description="All of their sessions end at once. They can sign in again."
      confirmLabel="Sign out everywhere"
      isPending={signingOut.isPending}
      error={signingOut.formError([])}
      onConfirm={() => void signingOut.submit(undefined)}
    />
  )
}

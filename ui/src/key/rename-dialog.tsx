import { useQueryClient } from '@tanstack/react-query'
import { useId } from 'react'
import type { ShownKeyJson } from '../api/types.ts'
import { Button } from '../components/button.tsx'
import { ChangedMeanwhile } from '../components/changed-meanwhile.tsx'
import { CopyAsCli } from '../components/code-block.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, FormError, Input } from '../components/field.tsx'
import { showToast } from '../components/toast.tsx'
import { commandLine, options } from './commands.ts'
import { editKey, readKey, versionOf } from './key-version.ts'
import { useVersionedEdit } from './use-versioned-edit.ts'

/** Gives the key another label. Nothing that calls with it notices. */
export function RenameDialog({
  shown,
  etag,
  onClose,
}: {
  shown: ShownKeyJson
  etag: string | null
  onClose: () => void
}) {
  const form = useId()
  const queries = useQueryClient()
  const nameOf = ({ name }: ShownKeyJson) => ({ name })
  const edit = useVersionedEdit({
    current: versionOf(shown, etag, nameOf),
    read: async () => versionOf(...(await readKey(queries, shown.id)), nameOf),
    send: async (patch, ifMatch) => versionOf(await editKey(shown.id, patch, ifMatch), null, nameOf),
    labels: { name: 'Name' },
    stale: [['keys']],
    onDone: () => {
      showToast('Key renamed')
      onClose()
    },
  })
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Rename the key"
      description="A label for people: nothing that calls with the key notices."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            form={form}
            look="primary"
            isPending={edit.submit.isPending}
            disabled={!edit.isChanged}
          >
            Rename
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="space-y-4 pt-1"
        onSubmit={(event) => {
          event.preventDefault()
          if (edit.isChanged) void edit.save()
        }}
      >
        {edit.meanwhile === null ? null : (
          <ChangedMeanwhile
            what="This key"
            changes={edit.meanwhile.differences}
            by={edit.meanwhile.by}
            onKeepMine={edit.meanwhile.keepMine}
            onTakeTheirs={edit.meanwhile.takeTheirs}
            isPending={edit.submit.isPending}
          />
        )}
        <Field label="Name" error={edit.submit.fieldError('name')}>
          {(control) => (
            <Input
              {...control}
              value={edit.draft.name}
              onChange={(event) => edit.setDraft({ name: event.target.value })}
            />
          )}
        </Field>
        {edit.meanwhile === null ? <FormError>{edit.submit.formError(['name'])}</FormError> : null}
        {edit.isChanged ? (
          <CopyAsCli command={commandLine('keys', 'edit', shown.id, ...options({ name: edit.draft.name }))} />
        ) : null}
      </form>
    </Dialog>
  )
}

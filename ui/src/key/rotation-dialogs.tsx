import { useId, useState } from 'react'
import { useLocation } from 'wouter'
import { useMe } from '../api/me.ts'
import { change } from '../api/request.ts'
import { useNow } from '../api/server-time.ts'
import type { KeyJson, RotationJson } from '../api/types.ts'
import { useSubmit } from '../api/use-submit.ts'
import { Button } from '../components/button.tsx'
import { CopyAsCli } from '../components/code-block.tsx'
import { AlertDialog, Dialog } from '../components/dialog.tsx'
import { FieldError, FormError, Input } from '../components/field.tsx'
import { showToast } from '../components/toast.tsx'
import { Choice, Group } from '../create/choice.tsx'
import { counted } from '../text/numbers.ts'
import { commandLine, options } from './commands.ts'
import { spanWords } from './overlap.ts'

interface RotationDialogProps {
  rotation: RotationJson
  onClose: () => void
}

/** A step of the rotation that takes nothing but a yes. */
function useStep(rotation: RotationJson, step: 'end' | 'undo', done: { toast: string; onClose: () => void }) {
  return useSubmit(
    (_nothing: Record<string, never>) =>
      change<KeyJson>('POST', `/keys/${rotation.predecessor.id}/rotation/${step}`, {}),
    {
      stale: [['keys'], ['notices']],
      onDone: () => {
        showToast(done.toast)
        done.onClose()
      },
    },
  )
}

export function EndOverlapDialog({ rotation, onClose }: RotationDialogProps) {
  const { predecessor, usage, safeToEnd } = rotation
  const step = useStep(rotation, 'end', { toast: 'The old key has ended', onClose })
  return (
    <AlertDialog
      isOpen
      onClose={onClose}
      title="End the old key now?"
      description={
        safeToEnd
          ? 'Nobody called with it in the last 24 hours. It is refused from now on, for good.'
          : `${counted(usage.predecessor.calls, 'call')} came with it in the last 24 hours. Whatever makes them is refused from now on, until it has the new token.`
      }
      confirmLabel="End the old key"
      isDangerous={!safeToEnd}
      isPending={step.isPending}
      onConfirm={() => void step.submit({})}
      error={step.problem?.detail}
    >
      <CopyAsCli command={commandLine('keys', 'end-overlap', predecessor.id)} />
    </AlertDialog>
  )
}

export function UndoRotationDialog({ rotation, onClose }: RotationDialogProps) {
  const { predecessor, usage } = rotation
  const [, navigate] = useLocation()
  const step = useStep(rotation, 'undo', {
    toast: 'Rotation undone: the old key goes on',
    onClose: () => {
      onClose()
      // The new one is dead now.
      navigate(`/keys/${predecessor.id}`)
    },
  })
  const calls = usage.successor?.calls ?? 0
  return (
    <AlertDialog
      isOpen
      onClose={onClose}
      title="Undo the rotation?"
      description={
        <>
          The new key is revoked, and the old one goes on as before.{' '}
          {calls === 0
            ? 'Nobody called with the new one in the last 24 hours.'
            : `${counted(calls, 'call')} came with the new one in the last 24 hours; whatever makes them is refused.`}
        </>
      }
      confirmLabel="Undo the rotation"
      cancelLabel="Leave it"
      isDangerous={calls > 0}
      isPending={step.isPending}
      onConfirm={() => void step.submit({})}
      error={step.problem?.detail}
    >
      <CopyAsCli command={commandLine('keys', 'undo-rotation', predecessor.id)} />
    </AlertDialog>
  )
}

const dayMs = 86_400_000

export function ExtendOverlapDialog({ rotation, onClose }: RotationDialogProps) {
  const ids = useId()
  const now = useNow()
  const { policy } = useMe().deployment
  const { predecessor, successor } = rotation
  const latest = Math.min(
    Date.parse(successor?.createdAt ?? predecessor.createdAt) + policy.maxOverlapMs,
    Date.parse(predecessor.expiresAt),
  )
  const [chosen, setChosen] = useState<'7d' | '14d' | 'date'>('7d')
  const [date, setDate] = useState('')
  const end = chosen === 'date' ? { until: date } : { for: chosen }
  const submit = useSubmit(
    (body: { until?: string; for?: string }) =>
      change<KeyJson>('POST', `/keys/${predecessor.id}/rotation/extend`, body),
    {
      stale: [['keys'], ['notices']],
      onDone: () => {
        showToast('The old key works for longer')
        onClose()
      },
    },
  )
  const endError = submit.fieldError('until') ?? submit.fieldError('for')
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Let the old key work for longer"
      description={`At most ${spanWords(policy.maxOverlapMs)} from the rotation, and never past its own expiry.`}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            form={ids}
            look="primary"
            isPending={submit.isPending}
            disabled={chosen === 'date' && date === ''}
          >
            Extend
          </Button>
        </>
      }
    >
      <form
        id={ids}
        className="space-y-4 pt-1"
        onSubmit={(event) => {
          event.preventDefault()
          if (chosen !== 'date' || date !== '') void submit.submit(end)
        }}
      >
        <Group legend="It ends">
          <Choice
            name={`${ids}-end`}
            look="rows"
            value={chosen}
            onChange={setChosen}
            options={[
              { value: '7d', label: '7 days from now' },
              { value: '14d', label: '14 days from now' },
              { value: 'date', label: 'On a day…' },
            ]}
          />
          {chosen === 'date' ? (
            <Input
              type="date"
              value={date}
              min={dayOf(now)}
              max={dayOf(latest - dayMs)}
              aria-label="Its last day, UTC"
              aria-invalid={endError === undefined ? undefined : true}
              onChange={(event) => setDate(event.target.value)}
            />
          ) : null}
          {endError === undefined ? null : <FieldError>{endError}</FieldError>}
        </Group>
        <FormError>{submit.formError(['until', 'for'])}</FormError>
        <CopyAsCli command={commandLine('keys', 'extend-overlap', predecessor.id, ...options(end))} />
      </form>
    </Dialog>
  )
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

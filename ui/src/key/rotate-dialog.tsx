import { useId, useState } from 'react'
import { Choice, Group } from '../create/choice.tsx'
import { useMe } from '../api/me.ts'
import { change } from '../api/request.ts'
import { useNow } from '../api/server-time.ts'
import type { NewRotation, RotatedKeyJson, ShownKeyJson } from '../api/types.ts'
import { useSubmit } from '../api/use-submit.ts'
import { Button } from '../components/button.tsx'
import { CopyAsCli } from '../components/code-block.tsx'
import { Dialog } from '../components/dialog.tsx'
import { FieldError, FormError, Input } from '../components/field.tsx'
import { ExactTime } from '../components/time.tsx'
import { spanText } from '../text/relative-time.ts'
import { Visible } from '../trail/visible.tsx'
import { commandLine, options } from './commands.ts'
import { overlapChoices, spanWords, typedDuration } from './overlap.ts'

/** Asks how long the old key goes on, and makes the new one. */
export function RotateDialog({
  shown,
  onClose,
  onRotated,
}: {
  shown: ShownKeyJson
  onClose: () => void
  onRotated: (rotated: RotatedKeyJson) => void
}) {
  const ids = useId()
  const now = useNow()
  const { policy } = useMe().deployment
  const choices = overlapChoices(policy)
  const [chosen, setChosen] = useState(() => choices.find(({ isDefault }) => isDefault)?.text ?? '0')
  const [typed, setTyped] = useState('')
  const isCustom = chosen === 'custom'
  const overlap = isCustom ? typedDuration(typed) : chosen
  const overlapMs = choices.find(({ text }) => text === chosen)?.overlapMs

  const rotation = useSubmit(
    (body: NewRotation, idempotencyKey) =>
      change<RotatedKeyJson>('POST', `/keys/${shown.id}/rotate`, body, { idempotencyKey }),
    { onDone: onRotated },
  )
  const overlapError = rotation.fieldError('overlap')
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={
        <>
          Rotate “<Visible text={shown.name} />”
        </>
      }
      description={`A new key takes its place, with the same grants, for ${spanText(policy.defaultLifeMs)}. Until the old one ends, both work: give the new token to everything that calls.`}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            form={ids}
            look="primary"
            isPending={rotation.isPending}
            disabled={overlap === ''}
          >
            Rotate
          </Button>
        </>
      }
    >
      <form
        id={ids}
        className="space-y-4 pt-1"
        onSubmit={(event) => {
          event.preventDefault()
          if (overlap !== '') void rotation.submit({ overlap })
        }}
      >
        <Group legend="The old key ends">
          <Choice
            name={`${ids}-overlap`}
            look="rows"
            value={chosen}
            onChange={setChosen}
            options={[
              ...choices.map(({ text, overlapMs, isDefault }) => ({
                value: text,
                label: overlapMs === 0 ? 'Now' : `In ${spanWords(overlapMs)}`,
                hint:
                  overlapMs === 0
                    ? 'For a leak: whatever still calls with it is refused at once.'
                    : isDefault
                      ? 'What this deployment’s policy says.'
                      : undefined,
              })),
              { value: 'custom', label: 'After a time of your own…' },
            ]}
          />
          {isCustom ? (
            <Input
              value={typed}
              placeholder="36h"
              aria-label="How long both keys work"
              aria-invalid={overlapError === undefined ? undefined : true}
              aria-describedby={`${ids}-hint`}
              onChange={(event) => setTyped(event.target.value)}
            />
          ) : null}
          {overlapError === undefined ? null : <FieldError>{overlapError}</FieldError>}
          <p id={`${ids}-hint`} className="text-xs text-muted">
            {isCustom ? (
              `Such as 36h or 3d; ${spanWords(policy.maxOverlapMs)} at most.`
            ) : overlapMs === undefined || overlapMs === 0 ? (
              'The new token is shown next, once.'
            ) : (
              <>
                That is <ExactTime at={Math.min(now + overlapMs, Date.parse(shown.expiresAt))} />. It can be
                ended earlier, extended, or undone.
              </>
            )}
          </p>
        </Group>
        <FormError>{rotation.formError(['overlap'])}</FormError>
        <CopyAsCli
          command={commandLine('keys', 'rotate', shown.id, ...options({ overlap: overlap || undefined }))}
        />
      </form>
    </Dialog>
  )
}

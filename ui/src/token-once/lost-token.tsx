import { KeyRound } from 'lucide-react'
import { useQueryClient } from '@tanstack/react-query'
import { change } from '../api/request.ts'
import type { KeyJson, NewRotation, RotatedKeyJson } from '../api/types.ts'
import { useSubmit } from '../api/use-submit.ts'
import { Button, buttonLook } from '../components/button.tsx'
import { FormError } from '../components/field.tsx'
import { Link } from 'wouter'

/**
 * What is said where a request was repeated and the key had been made by the first: its token was in the answer that
 * got lost. A rotation without overlap puts another in its place.
 */
export function LostToken({
  lost,
  onReplaced,
}: {
  lost: Pick<KeyJson, 'id' | 'name' | 'start'>
  onReplaced: (rotated: RotatedKeyJson) => void
}) {
  const queries = useQueryClient()
  const rotation = useSubmit(
    (body: NewRotation, idempotencyKey) =>
      change<RotatedKeyJson>('POST', `/keys/${encodeURIComponent(lost.id)}/rotate`, body, { idempotencyKey }),
    {
      onDone: (rotated) => {
        void queries.invalidateQueries({ queryKey: ['keys'] })
        onReplaced(rotated)
      },
    },
  )
  return (
    <section aria-label="Lost token" className="panel space-y-4 p-5">
      <div className="flex items-start gap-3 text-[13px]">
        <KeyRound className="mt-0.5 size-5 shrink-0 text-warn" aria-hidden />
        <div className="space-y-2">
          <p>
            <strong className="font-semibold">
              The key was made by your first attempt, and no second one.
            </strong>{' '}
            Its token (<code className="font-mono text-xs">{lost.start}…</code>) was in the answer that never
            came. Nobody has it, and it can’t be shown again.
          </p>
          <p className="text-muted">
            A new token takes its place at once: nobody can be using the old one, so that nothing has to
            overlap.
          </p>
        </div>
      </div>
      <FormError>{rotation.problem?.detail}</FormError>
      <div className="flex flex-wrap gap-2">
        <Button
          look="primary"
          isPending={rotation.isPending}
          onClick={() => void rotation.submit({ overlap: '0' })}
        >
          Make a new token
        </Button>
        <Link href={`/keys/${lost.id}`} className={buttonLook()}>
          Open the key
        </Link>
      </div>
    </section>
  )
}

import type { Difference } from '../text/differences.ts'
import { Button } from './button.tsx'
import { Time } from './time.tsx'

/**
 * What stands in an edit's place after a 412: what someone else changed since the form was opened, and the two
 * ways on. What was typed is still in the form below it.
 */
export function ChangedMeanwhile({
  what,
  changes,
  by,
  onKeepMine,
  onTakeTheirs,
  isPending = false,
}: {
  /** `This key`. */
  what: string
  changes: readonly Difference[]
  by?: { actor: string; at: string } | undefined
  /** Saves what was typed, over theirs. */
  onKeepMine: () => void
  /** Throws away what was typed, and shows theirs. */
  onTakeTheirs: () => void
  isPending?: boolean
}) {
  return (
    <section role="alert" className="rounded-md border border-line bg-warn-soft p-3 text-[13px]">
      <p className="font-medium text-warn">{what} was changed while you were editing it.</p>
      {by === undefined ? null : (
        <p className="mt-0.5 text-muted">
          By {by.actor}, <Time at={by.at} />.
        </p>
      )}
      {changes.length === 0 ? (
        <p className="mt-2">None of the fields of this form were changed.</p>
      ) : (
        <dl className="mt-2 grid gap-2">
          {changes.map(({ field, label, before, now }) => (
            <div key={field}>
              <dt className="text-xs text-muted">{label}</dt>
              <dd>
                <del className="text-muted">{before}</del> <span aria-hidden>→</span>{' '}
                <ins className="font-medium no-underline">{now}</ins>
              </dd>
            </div>
          ))}
        </dl>
      )}
      <div className="mt-3 flex flex-wrap gap-2">
        <Button size="small" onClick={onTakeTheirs}>
          Discard mine
        </Button>
        <Button size="small" look="primary" isPending={isPending} onClick={onKeepMine}>
          Save mine over it
        </Button>
      </div>
    </section>
  )
}

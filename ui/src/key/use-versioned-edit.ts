import type { QueryKey } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { ApiProblem } from '../api/problem.ts'
import { useSubmit, type Submit } from '../api/use-submit.ts'
import { differences, type Difference } from '../text/differences.ts'
import { changedFields, rebased } from './stale-edit.ts'

/** What a form edits, at the version that it was read at. */
export interface Versioned<Shape> {
  value: Shape
  etag: string | null
  /** Who changed it last, where that is known. */
  by?: { actor: string; at: string }
}

export interface VersionedEdit<Shape extends object> {
  draft: Shape
  setDraft: (part: Partial<Shape>) => void
  /** Only what was typed differently. */
  changes: Partial<Shape>
  isChanged: boolean
  save: () => Promise<boolean>
  reset: () => void
  submit: Submit<{ patch: Partial<Shape>; etag: string | null }>
  /** After a 412: what somebody else changed meanwhile, and the two ways on. */
  meanwhile: {
    differences: Difference[]
    by: Versioned<Shape>['by']
    keepMine: () => void
    takeTheirs: () => void
  } | null
}

/**
 * A form over something that others may change at the same time. What was typed survives a 412; while nothing was
 * typed, the form follows what is read.
 */
export function useVersionedEdit<Shape extends object>({
  current,
  read,
  send,
  labels,
  onDone,
  stale,
}: {
  current: Versioned<Shape>
  /** Reads it anew, after a 412. */
  read: () => Promise<Versioned<Shape>>
  /** Answers what it has become: edits go on from there. */
  send: (patch: Partial<Shape>, etag: string | null) => Promise<Versioned<Shape>>
  /** What the fields are called. */
  labels: Readonly<Record<keyof Shape & string, string>>
  onDone?: () => void
  stale: readonly QueryKey[]
}): VersionedEdit<Shape> {
  const [base, setBase] = useState(current)
  const [draft, setWholeDraft] = useState(current.value)
  const [theirs, setTheirs] = useState<Versioned<Shape> | null>(null)
  const changes = changedFields(base.value, draft)
  const isChanged = Object.keys(changes).length > 0

  const submit = useSubmit(
    async ({ patch, etag }: { patch: Partial<Shape>; etag: string | null }) => {
      setTheirs(null)
      try {
        return await send(patch, etag)
      } catch (error) {
        if (error instanceof ApiProblem && error.code === 'version_changed') setTheirs(await read())
        throw error
      }
    },
    {
      stale,
      onDone: (saved, { patch }) => {
        setBase(saved)
        // What was typed while it was being saved is the next edit.
        const sent = { ...base.value, ...patch }
        setWholeDraft((typed) => rebased(sent, saved.value, typed))
        onDone?.()
      },
    },
  )

  const startFrom = (from: Versioned<Shape>, typed: Shape) => {
    setBase(from)
    setWholeDraft(typed)
    setTheirs(null)
    submit.reset()
  }

  const follows = !isChanged && theirs === null && !submit.isPending && current.etag !== base.etag
  useEffect(() => {
    if (!follows) return
    setBase(current)
    setWholeDraft(current.value)
  }, [follows, current])

  return {
    draft,
    setDraft: (part) => setWholeDraft((before) => ({ ...before, ...part })),
    changes,
    isChanged,
    save: () => submit.submit({ patch: changes, etag: base.etag }),
    reset: () => startFrom(current, current.value),
    submit,
    meanwhile:
      theirs === null
        ? null
        : {
            differences: differences(
              base.value as Record<string, unknown>,
              theirs.value as Record<string, unknown>,
              labels,
            ),
            by: theirs.by,
            keepMine: () => {
              const mine = rebased(base.value, theirs.value, draft)
              startFrom(theirs, mine)
              void submit.submit({ patch: changedFields(theirs.value, mine), etag: theirs.etag })
            },
            takeTheirs: () => startFrom(theirs, theirs.value),
          },
  }
}

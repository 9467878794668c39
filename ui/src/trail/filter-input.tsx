import { useEffect, useId, useState } from 'react'
import { Field, Input } from '../components/field.tsx'
import { withoutTokens } from '../keys-list/filters.ts'

/**
 * A filter that is typed, with what is known offered. It counts once it is one of those, or on Enter and on leaving:
 * half a name would find nothing.
 */
export function FilterInput({
  label,
  value,
  known,
  error,
  onCommit,
}: {
  label: string
  value: string
  known: readonly string[]
  error: string | undefined
  onCommit: (value: string) => void
}) {
  const list = useId()
  const [text, setText] = useState(value)
  // The filter was cleared, or came by the address.
  useEffect(() => setText(value), [value])
  const commit = (typed: string) => {
    // A token that was pasted here must not reach the address.
    const text = withoutTokens(typed.trim())
    if (text !== value) onCommit(text)
  }
  return (
    <Field label={label} error={error}>
      {(control) => (
        <>
          <Input
            {...control}
            type="search"
            list={list}
            value={text}
            placeholder="Any"
            onChange={({ target }) => {
              setText(target.value)
              if (target.value === '' || known.includes(target.value)) commit(target.value)
            }}
            onBlur={() => commit(text)}
            onKeyDown={(event) => {
              if (event.key === 'Enter') commit(text)
            }}
          />
          <datalist id={list}>
            {known.map((each) => (
              <option key={each} value={each} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  )
}

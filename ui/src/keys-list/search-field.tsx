import { Search } from 'lucide-react'
import { useEffect, useId, useRef, useState } from 'react'
import { Input } from '../components/field.tsx'
import { searchable } from './filters.ts'

const quietMs = 250

/** Finds keys as one types. A whole token that is pasted finds its key, and is cut down to its start at once. */
export function SearchField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const id = useId()
  const [text, setText] = useState(value)
  const [wasToken, setWasToken] = useState(false)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const sent = useRef(value)

  // The address changed by other means: Back, or all filters taken away.
  useEffect(() => {
    if (value === sent.current) return
    sent.current = value
    clearTimeout(timer.current)
    setText(value)
  }, [value])
  useEffect(() => () => clearTimeout(timer.current), [])

  const type = (typed: string): void => {
    const safe = searchable(typed)
    setText(safe)
    setWasToken(safe !== typed)
    clearTimeout(timer.current)
    timer.current = setTimeout(
      () => {
        sent.current = safe.trim()
        onChange(safe.trim())
      },
      safe === typed ? quietMs : 0,
    )
  }

  return (
    <div className="min-w-0 flex-1 basis-56">
      <div className="relative">
        <Search
          className="pointer-events-none absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-muted"
          aria-hidden
        />
        <Input
          type="search"
          value={text}
          placeholder="Name, service user or start of a token"
          aria-label="Search keys"
          aria-describedby={wasToken ? `${id}-note` : undefined}
          autoCapitalize="none"
          spellCheck={false}
          className="pl-8"
          onChange={(event) => type(event.target.value)}
        />
      </div>
      {wasToken ? (
        <p id={`${id}-note`} role="status" className="mt-1.5 text-xs text-warn">
          That looks like a token: only its start is searched for, the rest was dropped. If you found it where
          it doesn’t belong, revoke the key.
        </p>
      ) : null}
    </div>
  )
}

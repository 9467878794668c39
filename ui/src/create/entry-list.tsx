import { Plus, X } from 'lucide-react'
import { useId, useRef, useState } from 'react'
import { announce } from '../components/announce.tsx'
import { Button } from '../components/button.tsx'
import { classNames } from '../components/class-names.ts'
import { FieldError, Input } from '../components/field.tsx'
import { entriesOf, namedEntry, withEntries } from './entries.ts'

export interface EntryListProps {
  /** What one entry is, and several. */
  what: { one: string; several: string }
  entries: readonly string[]
  onChange: (entries: string[]) => void
  parting: 'lines' | 'blanks'
  placeholder: string
  hint: string
  error: string | undefined
}

/** A list of short texts: typed or pasted, each to be taken away again. What is typed counts when the field is left. */
export function EntryList({ what, entries, onChange, parting, placeholder, hint, error }: EntryListProps) {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const [text, setText] = useState('')
  // A refusal names an entry by its place among those that were sent: it keeps that name when others go.
  const [told, setTold] = useState({ error, entries })
  if (told.error !== error) setTold({ error, entries })
  const refusal =
    error === undefined || told.error === undefined ? null : namedEntry(told.error, told.entries)
  const refused = refusal?.place == null ? null : told.entries[refusal.place]

  const add = (typed: string): void => {
    const more = entriesOf(typed, parting)
    setText('')
    if (more.length === 0) return
    onChange(withEntries(entries, more))
    announce(`${more.join(', ')} added`)
  }
  const remove = (entry: string): void => {
    onChange(entries.filter((each) => each !== entry))
    announce(`${entry} removed`)
    input.current?.focus()
  }

  return (
    <div className="grid gap-2">
      {/* As high with none as with one, so that nothing moves under the pointer when the field is left by a click. */}
      {entries.length === 0 ? (
        <p className="min-h-6.5 text-xs leading-6.5 text-muted">No {what.one} yet.</p>
      ) : (
        <ul className="flex flex-wrap gap-1.5" aria-label={`Chosen ${what.several}`}>
          {entries.map((entry) => (
            <li
              key={entry}
              className={classNames(
                'inline-flex max-w-full items-center rounded border bg-surface pl-2 font-mono text-xs',
                entry === refused
                  ? 'border-bad text-bad'
                  : entry.startsWith('!')
                    ? 'border-line text-warn'
                    : 'border-line',
              )}
            >
              <span className="truncate" title={entry}>
                {entry}
              </span>
              <Button
                look="quiet"
                size="small"
                className="h-6 w-7 px-0 [&_svg]:size-3.5"
                aria-label={`Remove ${entry}`}
                onClick={() => remove(entry)}
              >
                <X aria-hidden />
              </Button>
            </li>
          ))}
        </ul>
      )}
      <div className="flex gap-2">
        <Input
          ref={input}
          value={text}
          placeholder={placeholder}
          aria-label={`Add ${what.several}`}
          aria-invalid={refusal === null ? undefined : true}
          aria-describedby={refusal === null ? `${id}-hint` : `${id}-error ${id}-hint`}
          autoCapitalize="none"
          spellCheck={false}
          className="font-mono"
          onChange={(event) => setText(event.target.value)}
          onBlur={() => add(text)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && text.trim() !== '') {
              // The form is not meant by it.
              event.preventDefault()
              add(text)
            } else if (event.key === 'Backspace' && text === '' && entries.length > 0) {
              remove(entries.at(-1) ?? '')
            }
          }}
          onPaste={(event) => {
            const pasted = event.clipboardData.getData('text')
            if (entriesOf(pasted, parting).length < 2) return
            event.preventDefault()
            add(`${text}${pasted}`)
          }}
        />
        <Button onClick={() => add(text)} aria-label={`Add the ${what.one}`}>
          <Plus aria-hidden />
          Add
        </Button>
      </div>
      {refusal === null ? null : <FieldError id={`${id}-error`}>{refusal.text}</FieldError>}
      <p id={`${id}-hint`} className="text-xs text-muted">
        {hint}
      </p>
    </div>
  )
}

import { useId } from 'react'
import { FieldError, Input } from '../components/field.tsx'
import { ExactTime } from '../components/time.tsx'
import { useNow } from '../api/server-time.ts'
import { counted } from '../text/numbers.ts'
import { dayText } from '../text/relative-time.ts'
import { Choice, Group } from './choice.tsx'
import { dayBounds, endOf, expiryChips, type ExpiryChoice, type LifePolicy } from './expiry.ts'

export interface ExpiryFieldProps {
  expiry: ExpiryChoice
  onChange: (expiry: ExpiryChoice) => void
  policy: LifePolicy
  error: string | undefined
}

/** When a key ends: a span, or a day; with the instant that this comes to. */
export function ExpiryField({ expiry, onChange, policy, error }: ExpiryFieldProps) {
  const id = useId()
  const now = useNow()
  const bounds = dayBounds(policy, now)
  const end = endOf(expiry, now)
  return (
    <Group legend="Expires">
      <Choice
        name={`${id}-choice`}
        look="chips"
        value={'days' in expiry ? `${expiry.days}` : 'date'}
        onChange={(value) => onChange(value === 'date' ? { date: bounds.max } : { days: Number(value) })}
        options={[
          ...expiryChips(policy).map((days) => ({ value: `${days}`, label: counted(days, 'day') })),
          { value: 'date', label: 'On a day…' },
        ]}
      />
      {'date' in expiry ? (
        <Input
          type="date"
          value={expiry.date}
          min={bounds.min}
          max={bounds.max}
          aria-label="Last day, UTC"
          aria-invalid={error === undefined ? undefined : true}
          aria-describedby={`${id}-end`}
          className="sm:w-48"
          onChange={(event) => onChange({ date: event.target.value })}
        />
      ) : null}
      {error === undefined ? null : <FieldError>{error}</FieldError>}
      <p id={`${id}-end`} className="text-xs text-muted">
        {end === null ? (
          'Choose its last day: it counts to its end, UTC.'
        ) : (
          <>
            {'date' in expiry ? (
              <>
                It counts to its end in UTC: <ExactTime at={end} />.
              </>
            ) : (
              `Ends on ${dayText(end)}, at the hour it is made.`
            )}{' '}
            Its owner is told beforehand.
          </>
        )}
      </p>
    </Group>
  )
}

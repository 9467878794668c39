import { useId, useRef } from 'react'
import { Choice, Group } from './choice.tsx'
import { EntryList } from './entry-list.tsx'

/** From where a key may be used; null: from anywhere. */
export function AddressesField({
  addresses,
  onChange,
  error,
}: {
  addresses: readonly string[] | null
  onChange: (addresses: readonly string[] | null) => void
  error: string | undefined
}) {
  const name = useId()
  // What was named comes back with the answer that it belongs to.
  const named = useRef<readonly string[]>([])
  return (
    <Group legend="Addresses">
      <Choice
        name={name}
        look="rows"
        value={addresses === null ? 'any' : 'some'}
        onChange={(choice) => {
          if (addresses !== null) named.current = addresses
          onChange(choice === 'any' ? null : named.current)
        }}
        options={[
          { value: 'any', label: 'Any address' },
          { value: 'some', label: 'Only from these', hint: 'Calls from elsewhere are refused.' },
        ]}
      />
      {addresses === null ? null : (
        <EntryList
          what={{ one: 'address', several: 'addresses' }}
          entries={addresses}
          onChange={onChange}
          parting="blanks"
          placeholder="203.0.113.0/24"
          hint="Addresses or CIDR blocks, IPv4 or IPv6: one, or several pasted at once."
          error={error}
        />
      )}
    </Group>
  )
}

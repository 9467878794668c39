import { Combobox } from '@base-ui/react/combobox'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Check, ChevronsUpDown, Plus } from 'lucide-react'
import { useState } from 'react'
import { rowsOf, serviceUsersQuery } from '../api/queries.ts'
import type { ServiceUserJson } from '../api/types.ts'
import { Button } from '../components/button.tsx'
import { classNames } from '../components/class-names.ts'
import { Field, inputLook } from '../components/field.tsx'
import { useDebounced } from './use-debounced.ts'

export interface ServiceUserFieldProps {
  chosen: ServiceUserJson | null
  onChange: (user: ServiceUserJson | null) => void
  /** A new one is wished for, called so at first. */
  onCreate: (name: string) => void
  error: string | undefined
}

/** Which service user a key is for: found by name, owner or customer, or made on the spot. */
export function ServiceUserField({ chosen, onChange, onCreate, error }: ServiceUserFieldProps) {
  // What was typed, and not what stands there because it was chosen.
  const [search, setSearch] = useState('')
  const list = useInfiniteQuery(serviceUsersQuery({ search: useDebounced(search.trim(), 200), limit: 50 }))
  const users = rowsOf(list.data)
  return (
    <Field
      label="Service user"
      isRequired
      error={error}
      hint="Who the agent is, whoever runs it: a named identity with an owner. Its keys survive people."
    >
      {(control) => (
        <div className="flex gap-2">
          <Combobox.Root<ServiceUserJson>
            items={users}
            value={chosen}
            onValueChange={onChange}
            onInputValueChange={(text, { reason }) => {
              if (reason === 'input-change') setSearch(text)
            }}
            onOpenChange={(isOpen) => {
              if (!isOpen) setSearch('')
            }}
            itemToStringLabel={(user) => user.name}
            itemToStringValue={(user) => user.id}
            isItemEqualToValue={(one, other) => one.id === other.id}
            filter={null}
            autoHighlight
          >
            <Combobox.Trigger
              {...control}
              className={classNames(
                inputLook,
                'inline-flex flex-1 items-center justify-between gap-2 text-left select-none',
              )}
            >
              <span className={classNames('truncate', chosen === null && 'text-muted')}>
                <Combobox.Value placeholder="Choose who the key is for" />
              </span>
              <ChevronsUpDown className="size-3.5 shrink-0 text-muted" aria-hidden />
            </Combobox.Trigger>
            <Combobox.Portal>
              <Combobox.Positioner sideOffset={4} align="start" className="z-50 outline-none">
                {/* The search stands in the popup: beside it, all the page would be hidden from screen readers. */}
                <Combobox.Popup
                  aria-label="Service users"
                  className="popup flex max-h-[min(var(--available-height),24rem)] w-(--anchor-width) flex-col overflow-hidden"
                >
                  <div className="border-b border-line p-1.5">
                    <Combobox.Input
                      aria-label="Find by name, owner or customer"
                      placeholder="Find by name, owner or customer"
                      autoComplete="off"
                      spellCheck={false}
                      className={inputLook}
                    />
                  </div>
                  <Combobox.Status className="px-3 py-2 text-xs text-muted empty:hidden">
                    {list.isPending
                      ? 'Looking…'
                      : list.isError
                        ? 'They could not be loaded. Try again.'
                        : null}
                  </Combobox.Status>
                  <Combobox.Empty className="px-3 py-2 text-xs text-muted empty:hidden">
                    {list.isSuccess ? 'Nobody is called so. Make a new one beside this field.' : null}
                  </Combobox.Empty>
                  <Combobox.List>
                    {(user: ServiceUserJson) => <UserItem key={user.id} user={user} />}
                  </Combobox.List>
                </Combobox.Popup>
              </Combobox.Positioner>
            </Combobox.Portal>
          </Combobox.Root>
          <Button onClick={() => onCreate(chosen === null ? search : '')}>
            <Plus aria-hidden />
            New
            <span className="visually-hidden"> service user</span>
          </Button>
        </div>
      )}
    </Field>
  )
}

function UserItem({ user }: { user: ServiceUserJson }) {
  const isDisabled = user.disabledAt !== null
  const about = [isDisabled ? 'disabled' : null, user.owner ?? 'no owner', user.customer]
    .filter((part) => part !== null)
    .join(' · ')
  return (
    <Combobox.Item
      value={user}
      disabled={isDisabled}
      className="grid min-h-8 cursor-default grid-cols-[1rem_minmax(0,1fr)] items-center gap-2 rounded px-2 py-1 text-[13px] outline-none select-none data-disabled:opacity-60 data-highlighted:bg-hover pointer-coarse:min-h-11"
    >
      <Combobox.ItemIndicator className="col-start-1 text-accent">
        <Check className="size-4" aria-hidden />
      </Combobox.ItemIndicator>
      <span className="col-start-2 min-w-0">
        <span className="block truncate">{user.name}</span>
        <span className="block truncate text-xs text-muted">{about}</span>
      </span>
    </Combobox.Item>
  )
}

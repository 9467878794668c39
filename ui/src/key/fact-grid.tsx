import type { ReactNode } from 'react'

export interface Fact {
  name: string
  value: ReactNode
}

/** Names and values about one thing, side by side where there is room. */
export function FactGrid({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl className="panel grid grid-cols-[minmax(0,5fr)_minmax(0,6fr)] gap-x-4 sm:grid-cols-[repeat(auto-fill,minmax(12rem,1fr))] sm:gap-x-6 gap-y-3 px-4 py-3.5 text-[13px]">
      {facts.map(({ name, value }) => (
        <div key={name} className="min-w-0">
          <dt className="text-xs text-muted">{name}</dt>
          <dd className="mt-0.5">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

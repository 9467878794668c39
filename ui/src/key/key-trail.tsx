import { useLocation, useSearch } from 'wouter'
import { TrailList } from '../trail/trail-list.tsx'
import { addressOf, filterOfSearch } from '../trail/trail-filter.ts'

/** The calls with one key. */
export function KeyTrail({ id }: { id: string }) {
  const [path, navigate] = useLocation()
  const { key: _key, serviceUser: _serviceUser, ...filter } = filterOfSearch(useSearch())
  return (
    <TrailList
      ofKey={id}
      filter={filter}
      onFilter={(next) => navigate(addressOf(path, next), { replace: true })}
    />
  )
}

import { useLocation, useSearch } from 'wouter'
import { Page } from '../../frame/page.tsx'
import { addressOf, filterOfSearch } from '../../trail/trail-filter.ts'
import { TrailList } from '../../trail/trail-list.tsx'

/** The trail over everything. */
export function Trail() {
  const [path, navigate] = useLocation()
  const filter = filterOfSearch(useSearch())
  return (
    <Page
      title="Trail"
      description="Every call and every denial, as they were recorded. Rows are never changed."
    >
      <TrailList filter={filter} onFilter={(next) => navigate(addressOf(path, next), { replace: true })} />
    </Page>
  )
}

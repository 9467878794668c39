import { useCallback, useMemo } from 'react'
import { useLocation, useSearch } from 'wouter'
import { readFilters, writeFilters, type KeyFilters } from './filters.ts'

/** The filters that the address holds. What is typed replaces it; what is chosen can be undone by Back. */
export function useFilters(): [KeyFilters, (filters: KeyFilters, how?: 'typed' | 'chosen') => void] {
  const search = useSearch()
  const [path, navigate] = useLocation()
  const filters = useMemo(() => readFilters(search), [search])
  const setFilters = useCallback(
    (next: KeyFilters, how: 'typed' | 'chosen' = 'chosen') => {
      navigate(`${path}${writeFilters(next)}`, { replace: how === 'typed' })
    },
    [navigate, path],
  )
  return [filters, setFilters]
}

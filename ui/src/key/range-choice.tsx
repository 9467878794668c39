import { useLocation, useSearch } from 'wouter'
import { Segments } from '../components/segments.tsx'
import { usageRanges, type UsageRange } from './usage-range.ts'

/** The range in the address (`?range=7d`), 30 days unless it says otherwise. */
export function useUsageRange(): [UsageRange, (next: UsageRange) => void] {
  const [path, navigate] = useLocation()
  const asked = new URLSearchParams(useSearch()).get('range')
  const range = usageRanges.find((each) => each === asked) ?? '30d'
  return [range, (next) => navigate(next === '30d' ? path : `${path}?range=${next}`, { replace: true })]
}

const labels: Record<UsageRange, string> = { '24h': '24 h', '7d': '7 d', '30d': '30 d', '90d': '90 d' }

export function RangeChoice({
  range,
  onChange,
}: {
  range: UsageRange
  onChange: (next: UsageRange) => void
}) {
  return (
    <Segments
      label="Time"
      options={usageRanges.map((value) => ({ value, label: labels[value] }))}
      value={range}
      onChange={onChange}
    />
  )
}

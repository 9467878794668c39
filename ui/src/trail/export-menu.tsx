import { Download } from 'lucide-react'
import { apiUrl } from '../api/mount.ts'
import type { Query } from '../api/query.ts'
import { Button, buttonLook } from '../components/button.tsx'
import { Popover } from '../components/popover.tsx'

const formats = [
  { format: 'jsonl', label: 'JSON Lines', hint: 'every field, one row a line' },
  { format: 'csv', label: 'CSV', hint: 'for spreadsheets' },
] as const

/** Takes away all rows that the filter lets through, not only those on the page. */
export function ExportMenu({ query }: { query: Query }) {
  return (
    <Popover
      align="end"
      title="Export what is filtered"
      trigger={
        <Button size="small">
          <Download aria-hidden />
          Export
        </Button>
      }
    >
      <p className="mb-3 text-xs text-muted">
        All rows that fit the filters, also those that aren’t shown yet. Neither arguments nor results: the
        trail has none.
      </p>
      <ul className="grid gap-2">
        {formats.map(({ format, label, hint }) => (
          <li key={format} className="flex items-center justify-between gap-3">
            <span className="text-xs text-muted">{hint}</span>
            <a
              href={apiUrl('/audit/export', { format, ...query })}
              download={`trail.${format}`}
              className={buttonLook({ size: 'small' })}
            >
              {label}
            </a>
          </li>
        ))}
      </ul>
    </Popover>
  )
}

import type { ChangeJson } from '../api/types.ts'
import { EmptyState } from '../components/states.tsx'
import { ExactTime, RelativeTime } from '../components/time.tsx'
import { Visible } from '../trail/visible.tsx'

const words: Record<ChangeJson['what'], string> = {
  created: 'Created',
  edited: 'Edited',
  revoked: 'Revoked',
  rotated: 'Rotated',
  'overlap-changed': 'Overlap changed',
  'rotation-undone': 'Rotation undone',
  'secret-reissued': 'Given a new secret, before its first was ever used',
  retired: 'Overlap ended',
  disabled: 'Disabled',
  enabled: 'Enabled',
  invited: 'Invited',
  'invitation-withdrawn': 'Invitation withdrawn',
  'signed-out': 'Signed out everywhere',
  removed: 'Removed',
  'restore-acknowledged': 'Restore acknowledged',
}

/** What was done, by whom, why and when; newest first. */
export function HistoryList({ changes, what }: { changes: readonly ChangeJson[]; what: string }) {
  if (changes.length === 0)
    return <EmptyState title="No history">{what} has no change on record that you may see.</EmptyState>
  return (
    <ol className="panel divide-y divide-line">
      {changes.map((change) => (
        <li
          key={change.epoch}
          className="flex flex-wrap items-baseline gap-x-6 gap-y-1 px-4 py-3 text-[13px]"
        >
          <div className="min-w-0 flex-1 basis-64">
            <p>
              <span className="font-medium">{words[change.what]}</span> <span className="text-muted">by</span>{' '}
              <Visible text={change.actor} />
            </p>
            {change.reason === null || change.reason === '' ? null : (
              <p className="mt-0.5 text-muted">
                “<Visible text={change.reason} />”
              </p>
            )}
          </div>
          <p className="text-xs text-muted">
            <RelativeTime at={change.at} /> · <ExactTime at={change.at} />
          </p>
        </li>
      ))}
    </ol>
  )
}

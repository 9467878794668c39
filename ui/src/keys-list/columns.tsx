import { Link } from 'wouter'
import type { ListedKeyJson } from '../api/types.ts'
import { Sparkline } from '../components/charts.tsx'
import { classNames } from '../components/class-names.ts'
import { StateBadge } from '../components/state-badge.tsx'
import type { Column } from '../components/table.tsx'
import { Time } from '../components/time.tsx'
import { shareText, shortCount } from '../text/numbers.ts'
import { trafficWords } from './traffic.ts'

/** The columns of the keys list. They never change, so that a row is rendered anew with its own data only. */
export const keyColumns: readonly Column<ListedKeyJson>[] = [
  {
    id: 'name',
    header: 'Key',
    sort: 'name',
    isLead: true,
    className: '@4xl:w-2/5',
    cell: (key) => <Name listed={key} />,
  },
  {
    id: 'user',
    header: 'Service user',
    cell: (key) => <ServiceUser listed={key} />,
  },
  { id: 'state', header: 'State', sort: 'expires', cell: (key) => <StateBadge keyLife={key} /> },
  {
    id: 'used',
    header: 'Last used',
    sort: 'last-used',
    className: 'whitespace-nowrap',
    cell: (key) => <Time at={key.lastUsedAt} />,
  },
  { id: 'calls', header: 'Calls, 30 days', sort: 'calls', cell: (key) => <Traffic listed={key} /> },
]

function Name({ listed: { id, name, start, state } }: { listed: ListedKeyJson }) {
  const isDead = state !== 'active' && state !== 'retiring'
  return (
    <div className="min-w-0 @xl:max-w-36 @4xl:max-w-64 @5xl:max-w-72">
      <Link
        href={`/keys/${id}`}
        title={name}
        className={classNames(
          'row-link block truncate font-medium',
          isDead ? 'text-muted line-through' : 'text-ink',
        )}
      >
        {name}
      </Link>
      <code className="font-mono text-xs text-muted">{start}…</code>
    </div>
  )
}

function ServiceUser({ listed: { serviceUser, serviceUserId, owner, customer } }: { listed: ListedKeyJson }) {
  const about = [owner ?? 'no owner', customer].filter((part) => part !== null).join(' · ')
  return (
    <div className="min-w-0 @xl:max-w-28 @4xl:max-w-44 @5xl:max-w-56">
      <Link
        href={`/service-users/${serviceUserId}`}
        title={serviceUser}
        className="block truncate hover:underline"
      >
        {serviceUser}
      </Link>
      <span className="block truncate text-xs text-muted" title={about}>
        {about}
      </span>
    </div>
  )
}

function Traffic({ listed: { calls30d, refused30d, days } }: { listed: ListedKeyJson }) {
  return (
    <div className="flex items-center gap-3">
      <div className="@xl:@max-3xl:hidden">
        <Sparkline
          title={trafficWords(calls30d, refused30d)}
          values={days.map(({ day, calls, refused }) => ({ label: day, calls, refused }))}
        />
      </div>
      <div aria-hidden className="w-20 text-right leading-tight tabular-nums">
        <span className={calls30d === 0 ? 'text-muted' : ''}>{shortCount(calls30d)}</span>
        {refused30d === 0 ? null : (
          <span className="block text-xs whitespace-nowrap text-bad">
            {shareText(refused30d, calls30d)} refused
          </span>
        )}
      </div>
    </div>
  )
}

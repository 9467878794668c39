import { Bell, Bot, KeyRound, ScrollText, Settings, Users } from 'lucide-react'
import { Link, useLocation } from 'wouter'
import { useMay } from '../api/me.ts'
import { classNames } from '../components/class-names.ts'

const places = [
  { path: '/', label: 'Keys', icon: KeyRound, also: /^\/(new|keys)(\/|$)/, need: null },
  { path: '/service-users', label: 'Service users', icon: Bot, also: /^\/service-users\//, need: null },
  { path: '/trail', label: 'Trail', icon: ScrollText, also: /^\/trail\//, need: null },
  { path: '/notices', label: 'Notices', icon: Bell, also: /^\/notices\//, need: null },
  { path: '/people', label: 'People', icon: Users, also: /^\/people\//, need: 'oversee' },
  { path: '/settings', label: 'Settings', icon: Settings, also: /^\/settings\//, need: null },
] as const

/** The places of the page. */
export function Navigation({ onNavigate }: { onNavigate?: () => void }) {
  const [path] = useLocation()
  const mayOversee = useMay('oversee')
  return (
    <nav aria-label="Main">
      <ul className="grid gap-0.5">
        {places
          .filter(({ need }) => need === null || mayOversee)
          .map(({ path: to, label, icon: Icon, also }) => {
            const isHere = path === to || also.test(path)
            return (
              <li key={to}>
                <Link
                  href={to}
                  onClick={() => onNavigate?.()}
                  aria-current={isHere ? 'page' : undefined}
                  className={classNames(
                    'flex h-8 items-center gap-2.5 rounded-md px-2.5 text-[13px] font-medium pointer-coarse:h-11',
                    isHere ? 'bg-accent-soft text-accent' : 'text-muted hover:bg-hover hover:text-ink',
                  )}
                >
                  <Icon className="size-4 shrink-0" aria-hidden />
                  {label}
                </Link>
              </li>
            )
          })}
      </ul>
    </nav>
  )
}

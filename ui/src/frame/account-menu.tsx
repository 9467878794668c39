import { Check, CircleUser, LogOut, Monitor, Moon, Sun } from 'lucide-react'
import { useMe } from '../api/me.ts'
import { signOut } from '../api/sign-in.ts'
import { Button } from '../components/button.tsx'
import { Menu, type MenuItem } from '../components/menu.tsx'
import { roleLabel } from '../text/roles.ts'
import { useTheme, type Theme } from './theme.ts'

const themes: readonly { theme: Theme; label: string; icon: typeof Sun }[] = [
  { theme: 'system', label: 'Theme as the system', icon: Monitor },
  { theme: 'light', label: 'Light', icon: Sun },
  { theme: 'dark', label: 'Dark', icon: Moon },
]

/** Who is signed in, the theme, and the way out. */
export function AccountMenu() {
  const me = useMe()
  const [theme, chooseTheme] = useTheme()
  const themeItems = themes.map(({ theme: each, label, icon: Icon }): MenuItem => ({
    label: (
      <>
        <span className="flex-1">{label}</span>
        {each === theme ? <Check className="text-accent" aria-label="chosen" /> : null}
      </>
    ),
    icon: <Icon aria-hidden />,
    onSelect: () => chooseTheme(each),
  }))
  // In an app, the app signs out.
  const out: MenuItem[] =
    me.via === 'person'
      ? [{ label: 'Sign out', icon: <LogOut aria-hidden />, onSelect: () => void signOut() }]
      : []
  return (
    <Menu
      align="start"
      heading={
        <>
          <span className="block font-medium text-ink">{me.email ?? me.actor}</span>
          {roleLabel(me.role)}
        </>
      }
      groups={[themeItems, out]}
      trigger={
        <Button look="quiet" className="w-full min-w-0 justify-start px-2.5 text-muted">
          <CircleUser aria-hidden />
          <span className="truncate font-normal">{me.email ?? me.actor}</span>
        </Button>
      }
    />
  )
}

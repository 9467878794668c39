import { Dialog as BaseDialog } from '@base-ui/react/dialog'
import { Menu as MenuSign, WifiOff, X } from 'lucide-react'
import { useState, useSyncExternalStore, type ReactNode } from 'react'
import { Link } from 'wouter'
import { useMe } from '../api/me.ts'
import { Button } from '../components/button.tsx'
import { AccountMenu } from './account-menu.tsx'
import { Navigation } from './navigation.tsx'
import { Mark } from './mark.tsx'

/** The frame around the views: places beside them, or behind a button where it is narrow. */
export function Layout({ children }: { children: ReactNode }) {
  const name = useMe().deployment.name
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[13.5rem_minmax(0,1fr)]">
      <a
        href="#main"
        onClick={(event) => {
          // The base element would make it lead to the mount.
          event.preventDefault()
          document.querySelector<HTMLElement>('main')?.focus()
        }}
        className="fixed top-2 left-2 z-50 -translate-y-16 rounded-md bg-accent px-3 py-2 text-[13px] text-accent-ink focus:translate-y-0"
      >
        Skip to the content
      </a>
      <aside className="sticky top-0 hidden h-dvh flex-col border-r border-line bg-surface px-3 py-4 md:flex">
        <HomeLink name={name} />
        <div className="mt-5 flex-1 overflow-y-auto">
          <Navigation />
        </div>
        <AccountMenu />
      </aside>
      <header className="sticky top-0 z-30 flex h-13 items-center justify-between gap-3 border-b border-line bg-surface px-3 md:hidden">
        <HomeLink name={name} />
        <NarrowNavigation />
      </header>
      <div className="min-w-0">
        <OfflineBar />
        <main id="main" tabIndex={-1}>
          {children}
        </main>
      </div>
    </div>
  )
}

function HomeLink({ name }: { name: string }) {
  return (
    <Link href="/" className="flex min-w-0 items-center gap-2 rounded-md px-1.5 py-1 font-semibold">
      <Mark />
      <span className="truncate">{name}</span>
    </Link>
  )
}

function NarrowNavigation() {
  const [isOpen, setOpen] = useState(false)
  return (
    <BaseDialog.Root open={isOpen} onOpenChange={setOpen}>
      <BaseDialog.Trigger render={<Button look="quiet" size="icon" aria-label="Open the menu" />}>
        <MenuSign aria-hidden />
      </BaseDialog.Trigger>
      <BaseDialog.Portal>
        <BaseDialog.Backdrop className="fixed inset-0 z-40 bg-shade transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0" />
        <BaseDialog.Popup className="fixed inset-y-0 right-0 z-40 flex w-64 max-w-[85vw] flex-col border-l border-line bg-raised p-3 transition-[translate] duration-150 data-ending-style:translate-x-full data-starting-style:translate-x-full">
          <div className="mb-3 flex items-center justify-between pl-2.5">
            <BaseDialog.Title className="font-semibold">Menu</BaseDialog.Title>
            <BaseDialog.Close render={<Button look="quiet" size="icon" aria-label="Close the menu" />}>
              <X aria-hidden />
            </BaseDialog.Close>
          </div>
          <div className="flex-1 overflow-y-auto">
            <Navigation onNavigate={() => setOpen(false)} />
          </div>
          <AccountMenu />
        </BaseDialog.Popup>
      </BaseDialog.Portal>
    </BaseDialog.Root>
  )
}

function OfflineBar() {
  const isOnline = useSyncExternalStore(
    (listener) => {
      window.addEventListener('online', listener)
      window.addEventListener('offline', listener)
      return () => {
        window.removeEventListener('online', listener)
        window.removeEventListener('offline', listener)
      }
    },
    () => navigator.onLine,
  )
  if (isOnline) return null
  return (
    <div
      role="status"
      className="flex items-center justify-center gap-2 bg-warn-soft px-4 py-2 text-[13px] text-warn"
    >
      <WifiOff className="size-4 shrink-0" aria-hidden />
      You are offline. What you typed is kept.
    </div>
  )
}

import { useSyncExternalStore } from 'react'

let text = ''
const listeners = new Set<() => void>()

/** Says something to screen readers, once: `announce('Token copied')`. */
export function announce(message: string): void {
  // The same text twice would not be read again.
  text = message === text ? `${message}\u00a0` : message
  for (const listener of listeners) listener()
}

/** Where announcements are said from. It stands once in the page, outside of what dialogs make inert. */
export function Announcements() {
  const said = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => text,
  )
  return (
    <div role="status" aria-live="polite" className="visually-hidden">
      {said}
    </div>
  )
}

import { useSyncExternalStore } from 'react'

/** As the system says, or as chosen on this device. */
export type Theme = 'system' | 'light' | 'dark'

const place = 'postern-theme'
const listeners = new Set<() => void>()
let theme = readTheme()

/** Puts the chosen theme on the document; before the first render. */
export function applyTheme(): void {
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}

export function useTheme(): [Theme, (next: Theme) => void] {
  const current = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => theme,
  )
  return [current, chooseTheme]
}

function chooseTheme(next: Theme): void {
  theme = next
  try {
    if (next === 'system') localStorage.removeItem(place)
    else localStorage.setItem(place, next)
  } catch {
    // A browser that keeps nothing: it holds until the page is left.
  }
  applyTheme()
  for (const listener of listeners) listener()
}

function readTheme(): Theme {
  try {
    const kept = localStorage.getItem(place)
    return kept === 'light' || kept === 'dark' ? kept : 'system'
  } catch {
    return 'system'
  }
}

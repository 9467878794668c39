import { useEffect, useState } from 'react'

let taken: { path: string; token: string } | null = null

/**
 * The token in the address's fragment. It is taken out of the address bar and the history at once, and held in
 * memory only: after a reload, the link must be opened again.
 */
export function useLinkToken(): string | null {
  const [token, setToken] = useState(takeToken)
  useEffect(() => {
    // The same page with another fragment isn't loaded anew.
    const onHash = () => setToken(takeToken())
    window.addEventListener('hashchange', onHash)
    return () => window.removeEventListener('hashchange', onHash)
  }, [])
  return token
}

/** After it was used. */
export function forgetLinkToken(): void {
  taken = null
}

function takeToken(): string | null {
  const { hash, pathname, search } = location
  if (hash.length > 1) {
    taken = { path: pathname, token: hash.slice(1) }
    history.replaceState(history.state, '', pathname + search)
  }
  return taken?.path === pathname ? taken.token : null
}

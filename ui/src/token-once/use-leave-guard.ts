import { useEffect, useEffectEvent } from 'react'

/**
 * Asks before the page is left by a link, by Back, by a reload or by closing it, while `isOn`. `onLeave` gets what
 * goes on with it. What leaves the page itself can only be asked about by the browser.
 */
export function useLeaveGuard(isOn: boolean, onLeave: (go: () => void) => void): void {
  const leave = useEffectEvent(onLeave)

  useEffect(() => {
    if (!isOn) return undefined
    let isLeaving = false
    const onUnload = (event: BeforeUnloadEvent): void => {
      if (!isLeaving) event.preventDefault()
    }
    // In the capturing phase of the document: before the page's own links see it.
    const onClick = (event: MouseEvent): void => {
      const link = linkOf(event)
      if (link === null || isLeaving) return
      event.preventDefault()
      event.stopImmediatePropagation()
      leave(() => {
        isLeaving = true
        link.click()
      })
    }
    // Back can't be refused, so that there is one more entry to go back by.
    history.pushState(history.state, '', location.href)
    const onBack = (): void => {
      if (isLeaving) return
      history.pushState(history.state, '', location.href)
      leave(() => {
        isLeaving = true
        history.go(-2)
      })
    }
    window.addEventListener('beforeunload', onUnload)
    window.addEventListener('popstate', onBack)
    document.addEventListener('click', onClick, true)
    return () => {
      window.removeEventListener('beforeunload', onUnload)
      window.removeEventListener('popstate', onBack)
      document.removeEventListener('click', onClick, true)
    }
  }, [isOn])
}

/** The link that a click would follow in this tab; null where it follows none. */
function linkOf(event: MouseEvent): HTMLAnchorElement | null {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (link === null || link.href === '' || link.download !== '' || link.target === '_blank') return null
  return link.getAttribute('href')?.startsWith('#') === true ? null : link
}

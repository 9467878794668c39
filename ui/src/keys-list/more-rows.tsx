import { useEffect, useEffectEvent, useRef } from 'react'
import { problemOf } from '../api/problem.ts'
import { Button } from '../components/button.tsx'
import { FormError } from '../components/field.tsx'
import { counted } from '../text/numbers.ts'

export interface MoreRowsProps {
  count: number
  hasMore: boolean
  isLoading: boolean
  error: unknown
  onMore: () => void
}

/** The end of what was read of a list: the next rows come when it is scrolled to, or asked for. */
export function MoreRows({ count, hasMore, isLoading, error, onMore }: MoreRowsProps) {
  const end = useRef<HTMLDivElement>(null)
  const more = useEffectEvent(() => {
    if (hasMore && !isLoading && error === null) onMore()
  })
  useEffect(() => {
    if (end.current === null || !hasMore) return undefined
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) more()
      },
      { rootMargin: '400px' },
    )
    observer.observe(end.current)
    return () => observer.disconnect()
    // Anew with each page: one that ends in sight has nothing else to set it off.
  }, [hasMore, count])

  return (
    <div ref={end} className="mt-3 grid justify-items-center gap-2 text-[13px] text-muted">
      {error === null ? null : <FormError>{problemOf(error).detail}</FormError>}
      {hasMore ? (
        <Button isPending={isLoading} onClick={onMore}>
          Show more
        </Button>
      ) : (
        <p>{counted(count, 'key')}</p>
      )}
    </div>
  )
}

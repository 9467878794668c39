import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, type ReactNode } from 'react'
import { meQuery } from '../api/me.ts'
import type { MeJson } from '../api/types.ts'

let hasShown = false

export interface PageProps {
  /** The heading, and the document's title. */
  title: string
  /** What stands in the heading in place of the title's text. */
  heading?: ReactNode
  /** One line under the heading. */
  description?: ReactNode
  /** Buttons on the heading's line. */
  actions?: ReactNode
  /** Above the heading: a way back. */
  above?: ReactNode
  isNarrow?: boolean
  children: ReactNode
}

/**
 * One view: its heading, its document title, and the focus, which moves to the heading when the view is
 * navigated to (not when the page is loaded), so that screen readers say where one is.
 */
export function Page({ title, heading, description, actions, above, isNarrow, children }: PageProps) {
  const name = useQueryClient().getQueryData<MeJson>(meQuery.queryKey)?.deployment.name
  const headingElement = useRef<HTMLHeadingElement>(null)

  useEffect(() => {
    document.title = `${title} · ${name ?? 'Postern'}`
  }, [title, name])

  useEffect(() => {
    if (hasShown) headingElement.current?.focus({ preventScroll: true })
    hasShown = true
    window.scrollTo(0, 0)
  }, [])

  return (
    <div className="mx-auto w-full max-w-6xl px-4 py-5 sm:px-8 sm:py-7">
      {/* Narrow views begin where wide ones do, so that nothing jumps between them. */}
      <div className={isNarrow === true ? 'max-w-3xl' : undefined}>
        {above === undefined ? null : <div className="mb-2 text-[13px]">{above}</div>}
        <header className="mb-5 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
          <div className="min-w-0">
            <h1 ref={headingElement} tabIndex={-1} className="text-xl font-semibold tracking-tight">
              {heading ?? title}
            </h1>
            {description === undefined ? null : (
              <p className="mt-1 max-w-prose text-[13px] text-pretty text-muted">{description}</p>
            )}
          </div>
          {actions == null ? null : <div className="flex flex-wrap gap-2">{actions}</div>}
        </header>
        {children}
      </div>
    </div>
  )
}

/** A part of a view, with a heading of its own. */
export function Section({
  title,
  description,
  actions,
  children,
}: {
  title: string
  description?: ReactNode
  actions?: ReactNode
  children: ReactNode
}) {
  return (
    <section className="mt-8 first:mt-0" aria-label={title}>
      <header className="mb-3 flex flex-wrap items-end justify-between gap-x-6 gap-y-2">
        <div className="min-w-0">
          <h2 className="text-[15px] font-semibold">{title}</h2>
          {description === undefined ? null : (
            <p className="mt-0.5 max-w-prose text-[13px] text-pretty text-muted">{description}</p>
          )}
        </div>
        {actions}
      </header>
      {children}
    </section>
  )
}

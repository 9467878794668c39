import { useEffect, type ReactNode } from 'react'
import { Mark } from '../../frame/mark.tsx'

/** The frame of what is seen before one is in: one card. */
export function Entrance({
  title,
  description,
  children,
}: {
  title: string
  description?: ReactNode
  children: ReactNode
}) {
  useEffect(() => {
    document.title = `${title} · Postern`
  }, [title])
  return (
    <main className="grid min-h-dvh content-start justify-items-center px-4 py-[12vh]">
      <div className="w-full max-w-sm">
        <div className="mb-5 flex justify-center [&_svg]:size-9">
          <Mark />
        </div>
        <div className="panel px-5 py-6 sm:px-7">
          <h1 className="text-lg font-semibold tracking-tight">{title}</h1>
          {description === undefined ? null : (
            <div className="mt-1 text-[13px] text-pretty text-muted">{description}</div>
          )}
          <div className="mt-5">{children}</div>
        </div>
      </div>
    </main>
  )
}

import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Redirect, useLocation } from 'wouter'
import { meQuery } from '../api/me.ts'
import { problemOf } from '../api/problem.ts'
import { ErrorState, Skeleton } from '../components/states.tsx'

/** What only someone signed in sees. Others go to the sign-in, and from there back to this very place. */
export function SignedIn({ children }: { children: ReactNode }) {
  const me = useQuery(meQuery)
  const [path] = useLocation()
  if (me.data !== undefined) return children
  if (me.error === null)
    return (
      <div role="status" className="mx-auto max-w-6xl space-y-4 px-8 py-10">
        <span className="visually-hidden">Loading</span>
        <Skeleton className="h-6 w-40" />
        <Skeleton className="w-2/3" />
        <Skeleton className="w-1/2" />
      </div>
    )
  if (problemOf(me.error).code === 'sign_in_required')
    return <Redirect to={signInPath(path + location.search)} replace />
  return (
    <main className="mx-auto max-w-xl px-4 py-16">
      <ErrorState error={me.error} onRetry={() => void me.refetch()} title="The page could not be opened" />
    </main>
  )
}

/** The sign-in that leads back to a path of the page. */
export function signInPath(back: string): string {
  return back === '/' ? '/sign-in' : `/sign-in?${new URLSearchParams({ back }).toString()}`
}

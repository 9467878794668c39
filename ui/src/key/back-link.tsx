import { ArrowLeft } from 'lucide-react'
import { Link } from 'wouter'

/** The way from one thing back to the list that it is in. */
export function BackLink({ to, children }: { to: string; children: string }) {
  return (
    <Link href={to} className="inline-flex items-center gap-1.5 text-muted hover:text-ink">
      <ArrowLeft className="size-4" aria-hidden />
      {children}
    </Link>
  )
}

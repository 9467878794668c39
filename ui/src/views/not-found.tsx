import { Link } from 'wouter'
import { buttonLook } from '../components/button.tsx'
import { EmptyState } from '../components/states.tsx'
import { Page } from '../frame/page.tsx'

/** For an address that leads nowhere. */
export function NotFound() {
  return (
    <Page title="Not found">
      <EmptyState
        title="There is nothing at this address"
        actions={
          <Link href="/" className={buttonLook({ look: 'primary' })}>
            Go to the keys
          </Link>
        }
      >
        The link may be mistyped, or what it led to isn’t yours to see.
      </EmptyState>
    </Page>
  )
}

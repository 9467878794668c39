import { useQuery } from '@tanstack/react-query'
import { Bot } from 'lucide-react'
import { useState } from 'react'
import { Link } from 'wouter'
import { useMay } from '../../api/me.ts'
import { problemOf } from '../../api/problem.ts'
import { serviceUserQuery } from '../../api/queries.ts'
import type { ServiceUserJson } from '../../api/types.ts'
import { Address } from '../../components/address.tsx'
import { Badge } from '../../components/badge.tsx'
import { Button, buttonLook } from '../../components/button.tsx'
import { StaleNote } from '../../components/stale-note.tsx'
import { EmptyState, ErrorState, SkeletonRows } from '../../components/states.tsx'
import { Time } from '../../components/time.tsx'
import { Page, Section } from '../../frame/page.tsx'
import { BackLink } from '../../key/back-link.tsx'
import { FactGrid } from '../../key/fact-grid.tsx'
import { NoticeList } from '../../notices/notice-list.tsx'
import { EditServiceUser } from '../../service-users/edit-dialog.tsx'
import { SwitchServiceUser } from '../../service-users/switch-dialog.tsx'
import { UserHistory } from '../../service-users/user-history.tsx'
import { UserKeys } from '../../service-users/user-keys.tsx'
import { visibleText } from '../../trail/visible-text.ts'
import { Visible } from '../../trail/visible.tsx'

const back = <BackLink to="/service-users">Service users</BackLink>

/** One service user: who answers for it, its keys, what its owner was told, and what was done to it. */
export function ServiceUser({ id }: { id: string }) {
  const read = useQuery(serviceUserQuery(id))
  if (read.data === undefined)
    return (
      <Page title="Service user" above={back}>
        {read.error === null ? (
          <SkeletonRows label="Loading the service user" rows={4} />
        ) : problemOf(read.error).code === 'not_found' ? (
          <NoSuchUser />
        ) : (
          <ErrorState error={read.error} onRetry={() => void read.refetch()} />
        )}
      </Page>
    )
  const { value: user, etag } = read.data
  return (
    <Page
      title={visibleText(user.name)}
      above={back}
      heading={
        <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <Visible text={user.name} />
          {user.disabledAt === null ? null : (
            <Badge className="tracking-normal">
              Disabled <Time at={user.disabledAt} />
            </Badge>
          )}
        </span>
      }
      actions={<Actions user={user} etag={etag} />}
    >
      {read.isError ? (
        <StaleNote error={read.error} readAt={read.dataUpdatedAt} onRetry={() => void read.refetch()} />
      ) : null}
      <div className="mb-8">
        <FactGrid
          facts={[
            { name: 'Owner', value: addressOr(user.owner, 'nobody: nobody is told before keys end') },
            { name: 'Backup owner', value: addressOr(user.backupOwner, 'nobody') },
            { name: 'Customer', value: textOr(user.customer, 'none') },
            {
              name: 'Created',
              value: (
                <>
                  <Time at={user.createdAt} /> by <Visible text={user.createdBy} />
                </>
              ),
            },
            { name: 'Id', value: <code className="font-mono text-xs">{user.id}</code> },
          ]}
        />
      </div>
      <UserKeys user={user} />
      <Section
        title="Notices"
        description="What its owner was told about its keys."
        actions={
          <Link href={`/trail?serviceUser=${user.id}`} className="text-[13px] text-accent hover:underline">
            Its calls in the trail
          </Link>
        }
      >
        <NoticeList filter={{ serviceUser: user.id, limit: 10 }} isOfOne />
      </Section>
      <Section title="History" description="What was done to the service user itself.">
        <UserHistory id={user.id} />
      </Section>
    </Page>
  )
}

function addressOr(address: string | null, none: string) {
  return address === null ? textOr(null, none) : <Address text={address} />
}

function textOr(text: string | null, none: string) {
  return text === null ? <span className="text-muted">{none}</span> : <Visible text={text} />
}

function Actions({ user, etag }: { user: ServiceUserJson; etag: string | null }) {
  const mayChange = useMay('change')
  const [open, setOpen] = useState<'edit' | 'switch' | null>(null)
  if (!mayChange) return null
  const isDisabled = user.disabledAt !== null
  const close = () => setOpen(null)
  return (
    <>
      {isDisabled ? null : (
        <Link href={`/new?serviceUser=${user.id}`} className={buttonLook({ look: 'primary' })}>
          New key
        </Link>
      )}
      <Button onClick={() => setOpen('edit')}>Edit</Button>
      <Button look={isDisabled ? 'primary' : 'danger-plain'} onClick={() => setOpen('switch')}>
        {isDisabled ? 'Enable' : 'Disable'}
      </Button>
      {open === 'edit' ? <EditServiceUser user={user} etag={etag} onClose={close} /> : null}
      {open === 'switch' ? <SwitchServiceUser user={user} onClose={close} /> : null}
    </>
  )
}

function NoSuchUser() {
  return (
    <EmptyState
      icon={<Bot aria-hidden />}
      title="There is no such service user"
      actions={
        <Link href="/service-users" className={buttonLook({ look: 'primary' })}>
          Go to the service users
        </Link>
      }
    >
      They are never deleted, so the link may be mistyped; or it isn’t yours to see.
    </EmptyState>
  )
}

import { useInfiniteQuery } from '@tanstack/react-query'
import { Ellipsis, LogOut, UserCog, UserPlus, UserX } from 'lucide-react'
import { useState } from 'react'
import { useMay, useMe } from '../../api/me.ts'
import { peopleQuery } from '../../api/people.ts'
import type { PersonJson } from '../../api/types.ts'
import { Badge } from '../../components/badge.tsx'
import { Button } from '../../components/button.tsx'
import { Menu } from '../../components/menu.tsx'
import { EmptyState, ErrorState, SkeletonRows } from '../../components/states.tsx'
import { Table, type Column } from '../../components/table.tsx'
import { Time } from '../../components/time.tsx'
import { Page, Section } from '../../frame/page.tsx'
import { Invitations } from './invitations.tsx'
import { InviteDialog } from './invite-dialog.tsx'
import { PersonDialog, type PersonAction } from './person-dialogs.tsx'
import { roleLabel } from '../../text/roles.ts'

/** Who may come in, and as what. */
export function People() {
  const me = useMe()
  const mayChange = useMay('administer')
  const people = useInfiniteQuery(peopleQuery)
  const [isInviting, setInviting] = useState(false)
  const [action, setAction] = useState<PersonAction | null>(null)

  if (me.via === 'host')
    return (
      <Page title="People">
        <EmptyState title="The app decides who comes in">
          This page takes its sign-in from the app that it belongs to. People and their roles are looked after
          there, by its authorize function.
        </EmptyState>
      </Page>
    )

  const columns: Column<PersonJson>[] = [
    {
      id: 'person',
      header: 'Person',
      isLead: true,
      cell: (person) => (
        <div className="min-w-0">
          <div className="flex flex-wrap items-center gap-x-2 font-medium">
            <span className={person.disabledAt === null ? undefined : 'line-through'}>{person.name}</span>
            {person.email === me.email ? <Badge>You</Badge> : null}
            {person.disabledAt === null ? null : <Badge>Removed</Badge>}
          </div>
          <div className="text-muted">
            {person.email}
            {person.emailVerified ? null : ' (address not verified)'}
          </div>
        </div>
      ),
    },
    { id: 'role', header: 'Role', cell: ({ role }) => roleLabel(role) },
    { id: 'since', header: 'Joined', cell: ({ createdAt }) => <Time at={createdAt} /> },
    {
      id: 'actions',
      header: 'Actions',
      isHeaderHidden: true,
      isCorner: true,
      align: 'end',
      cell: (person) =>
        mayChange && person.disabledAt === null ? (
          <Menu
            trigger={
              <Button look="quiet" size="icon" aria-label={`Actions for ${person.name}`}>
                <Ellipsis aria-hidden />
              </Button>
            }
            groups={[
              [
                {
                  label: 'Change role…',
                  icon: <UserCog aria-hidden />,
                  onSelect: () => setAction({ what: 'role', person }),
                },
                {
                  label: 'Sign out everywhere…',
                  icon: <LogOut aria-hidden />,
                  onSelect: () => setAction({ what: 'sign-out', person }),
                },
              ],
              [
                {
                  label: 'Remove…',
                  icon: <UserX aria-hidden />,
                  isDangerous: true,
                  onSelect: () => setAction({ what: 'remove', person }),
                },
              ],
            ]}
          />
        ) : null,
    },
  ]

  const invitations = people.data?.pages[0]?.invitations ?? []
  return (
    <Page
      title="People"
      description="Who signs in to this page. Service users and their keys are not people, and stay when people leave."
      actions={
        mayChange ? (
          <Button look="primary" onClick={() => setInviting(true)}>
            <UserPlus aria-hidden />
            Invite someone
          </Button>
        ) : null
      }
    >
      {people.data === undefined ? (
        people.error === null ? (
          <SkeletonRows rows={3} />
        ) : (
          <ErrorState error={people.error} onRetry={() => void people.refetch()} />
        )
      ) : (
        <>
          <Table
            caption="People"
            columns={columns}
            rows={people.data.pages.flatMap((page) => page.data)}
            rowKey={({ id }) => id}
          />
          {people.hasNextPage ? (
            <Button
              className="mt-3"
              isPending={people.isFetchingNextPage}
              onClick={() => void people.fetchNextPage()}
            >
              Show more
            </Button>
          ) : null}
          {invitations.length === 0 ? null : (
            <div className="mt-8">
              <Section title="Open invitations">
                <Invitations invitations={invitations} mayChange={mayChange} />
              </Section>
            </div>
          )}
        </>
      )}
      <InviteDialog isOpen={isInviting} onClose={() => setInviting(false)} />
      {action === null ? null : <PersonDialog action={action} onClose={() => setAction(null)} />}
    </Page>
  )
}

import { useState } from 'react'
import { peopleQuery, withdrawInvitation } from '../../api/people.ts'
import type { InvitationJson } from '../../api/types.ts'
import { useSubmit } from '../../api/use-submit.ts'
import { Button } from '../../components/button.tsx'
import { AlertDialog } from '../../components/dialog.tsx'
import { Table, type Column } from '../../components/table.tsx'
import { Time } from '../../components/time.tsx'
import { showToast } from '../../components/toast.tsx'
import { roleLabel } from '../../text/roles.ts'

/** Those who were invited and have not come in yet. */
export function Invitations({
  invitations,
  mayChange,
}: {
  invitations: readonly InvitationJson[]
  mayChange: boolean
}) {
  const [withdrawn, setWithdrawn] = useState<InvitationJson | null>(null)
  const columns: Column<InvitationJson>[] = [
    { id: 'email', header: 'E-mail address', isLead: true, cell: ({ email }) => email },
    { id: 'role', header: 'Role', cell: ({ role }) => roleLabel(role) },
    { id: 'by', header: 'Invited by', cell: ({ invitedBy }) => invitedBy },
    { id: 'end', header: 'Link ends', cell: ({ expiresAt }) => <Time at={expiresAt} /> },
    {
      id: 'actions',
      header: 'Actions',
      isHeaderHidden: true,
      align: 'end',
      cell: (invitation) =>
        mayChange ? (
          <Button
            size="small"
            look="quiet"
            onClick={() => setWithdrawn(invitation)}
            aria-label={`Withdraw the invitation of ${invitation.email}`}
          >
            Withdraw
          </Button>
        ) : null,
    },
  ]
  return (
    <>
      <Table caption="Open invitations" columns={columns} rows={invitations} rowKey={({ id }) => id} />
      {withdrawn === null ? null : (
        <WithdrawDialog invitation={withdrawn} onClose={() => setWithdrawn(null)} />
      )}
    </>
  )
}

function WithdrawDialog({ invitation, onClose }: { invitation: InvitationJson; onClose: () => void }) {
  const withdrawing = useSubmit(() => withdrawInvitation(invitation.id), {
    stale: [peopleQuery.queryKey],
    onDone: () => {
      showToast('Invitation withdrawn')
      onClose()
    },
  })
  return (
    <AlertDialog
      isOpen
      onClose={onClose}
      title="Withdraw this invitation?"
      description={`The link that was sent to ${invitation.email} stops working.`}
      confirmLabel="Withdraw"
      isPending={withdrawing.isPending}
      error={withdrawing.formError([])}
      onConfirm={() => void withdrawing.submit(undefined)}
    />
  )
}

import { useInfiniteQuery } from '@tanstack/react-query'
import { KeySquare, Plus } from 'lucide-react'
import { useState } from 'react'
import { managementKeysQuery, revokeManagementKey } from '../../api/management-keys.ts'
import { useMay } from '../../api/me.ts'
import { rowsOf } from '../../api/queries.ts'
import type { ManagementKeyJson } from '../../api/types.ts'
import { useSubmit } from '../../api/use-submit.ts'
import { Badge } from '../../components/badge.tsx'
import { Button } from '../../components/button.tsx'
import { AlertDialog } from '../../components/dialog.tsx'
import { EmptyState, ErrorState, SkeletonRows } from '../../components/states.tsx'
import { Table, type Column } from '../../components/table.tsx'
import { Time } from '../../components/time.tsx'
import { showToast } from '../../components/toast.tsx'
import { Section } from '../../frame/page.tsx'
import { NewManagementKeyDialog } from './new-management-key.tsx'

/** The keys of programs that use the admin API. */
export function ManagementKeys() {
  const mayChange = useMay('administer')
  const keys = useInfiniteQuery(managementKeysQuery)
  const [isMaking, setMaking] = useState(false)
  const [revoked, setRevoked] = useState<ManagementKeyJson | null>(null)
  const rows = rowsOf(keys.data)
  const columns: Column<ManagementKeyJson>[] = [
    {
      id: 'name',
      header: 'Name',
      isLead: true,
      cell: ({ name, start, state }) => (
        <div className="min-w-0">
          <span className={state === 'active' ? 'font-medium' : 'text-muted line-through'}>{name}</span>
          <code className="block font-mono text-xs text-muted">{start}…</code>
        </div>
      ),
    },
    {
      id: 'role',
      header: 'May',
      cell: ({ role }) => (role === 'admin' ? 'read and change' : 'read'),
    },
    {
      id: 'state',
      header: 'Ends',
      cell: ({ state, expiresAt }) =>
        state === 'active' ? (
          <Time at={expiresAt} />
        ) : (
          <Badge>{state === 'revoked' ? 'Revoked' : 'Expired'}</Badge>
        ),
    },
    { id: 'used', header: 'Last used', cell: ({ lastUsedAt }) => <Time at={lastUsedAt} /> },
    {
      id: 'actions',
      header: 'Actions',
      isHeaderHidden: true,
      align: 'end',
      cell: (key) =>
        mayChange && key.state === 'active' ? (
          <Button
            size="small"
            look="quiet"
            className="text-bad"
            aria-label={`Revoke the management key ${key.name}`}
            onClick={() => setRevoked(key)}
          >
            Revoke
          </Button>
        ) : null,
    },
  ]
  const makeButton = (
    <Button onClick={() => setMaking(true)}>
      <Plus aria-hidden />
      New management key
    </Button>
  )
  return (
    <Section
      title="Management keys"
      description="For programs that do what this page does: the command line with POSTERN_URL, or your own scripts. They open no route of the gateway."
      actions={mayChange && rows.length > 0 ? makeButton : null}
    >
      {keys.data === undefined ? (
        keys.error === null ? (
          <SkeletonRows rows={2} />
        ) : (
          <ErrorState error={keys.error} onRetry={() => void keys.refetch()} />
        )
      ) : rows.length === 0 ? (
        <EmptyState
          title="No management keys"
          icon={<KeySquare aria-hidden />}
          actions={mayChange ? makeButton : undefined}
        >
          Make one when a script or a pipeline shall make and rotate service keys.
        </EmptyState>
      ) : (
        <>
          <Table caption="Management keys" columns={columns} rows={rows} rowKey={({ id }) => id} />
          {keys.hasNextPage ? (
            <Button
              className="mt-3"
              isPending={keys.isFetchingNextPage}
              onClick={() => void keys.fetchNextPage()}
            >
              Show more
            </Button>
          ) : null}
        </>
      )}
      {isMaking ? <NewManagementKeyDialog onClose={() => setMaking(false)} /> : null}
      {revoked === null ? null : <RevokeDialog managementKey={revoked} onClose={() => setRevoked(null)} />}
    </Section>
  )
}

function RevokeDialog({ managementKey, onClose }: { managementKey: ManagementKeyJson; onClose: () => void }) {
  const revoking = useSubmit(() => revokeManagementKey(managementKey.id), {
    stale: [managementKeysQuery.queryKey],
    onDone: () => {
      showToast('Management key revoked')
      onClose()
    },
  })
  return (
    <AlertDialog
      isOpen
      onClose={onClose}
      title={`Revoke ${managementKey.name}?`}
      description="Programs that use it are refused from now on. This can’t be taken back. Service keys that it made stay."
      confirmLabel="Revoke"
      isPending={revoking.isPending}
      error={revoking.formError([])}
      onConfirm={() => void revoking.submit(undefined)}
    />
  )
}

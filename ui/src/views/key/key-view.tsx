import { useQuery, useQueryClient } from '@tanstack/react-query'
import { KeyRound } from 'lucide-react'
import { useState } from 'react'
import { Link, useLocation } from 'wouter'
import { useMay } from '../../api/me.ts'
import { problemOf } from '../../api/problem.ts'
import { keyQuery } from '../../api/queries.ts'
import type { KeyJson, RotatedKeyJson, ShownKeyJson } from '../../api/types.ts'
import { Button, buttonLook } from '../../components/button.tsx'
import { StaleNote } from '../../components/stale-note.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { EmptyState, ErrorState, Skeleton } from '../../components/states.tsx'
import { Tabs } from '../../components/tabs.tsx'
import { Page } from '../../frame/page.tsx'
import { LostToken } from '../../token-once/lost-token.tsx'
import { TokenOnce } from '../../token-once/token-once.tsx'
import { visibleText } from '../../trail/visible-text.ts'
import { Visible } from '../../trail/visible.tsx'
import { AccessTab } from '../../key/access-tab.tsx'
import { BackLink } from '../../key/back-link.tsx'
import { HistoryList } from '../../key/history-list.tsx'
import { KeyFacts } from '../../key/key-facts.tsx'
import { KeyTrail } from '../../key/key-trail.tsx'
import { RenameDialog } from '../../key/rename-dialog.tsx'
import { RevokeDialog } from '../../key/revoke-dialog.tsx'
import { RotateDialog } from '../../key/rotate-dialog.tsx'
import { RotationPanel } from '../../key/rotation-panel.tsx'
import { ToolsTab } from '../../key/tools-tab.tsx'
import { UsageTab } from '../../key/usage-tab.tsx'

const tabs = [
  { value: 'usage', label: 'Usage' },
  { value: 'tools', label: 'Tools' },
  { value: 'trail', label: 'Trail' },
  { value: 'access', label: 'Access' },
  { value: 'history', label: 'History' },
] as const
type Tab = (typeof tabs)[number]['value']

const back = <BackLink to="/">Keys</BackLink>

/** The new key, and the secret that lives in this view's state and goes with it. */
interface Rotated {
  key: KeyJson
  token: string | null
}

/** One key: how it stands, what it does and did, and what can be done with it. */
export function KeyView({ id, tab: asked }: { id: string; tab: string | undefined }) {
  const read = useQuery(keyQuery(id))
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  const [rotated, setRotated] = useState<Rotated | null>(null)
  const take = ({ token, predecessor: _old, ...key }: RotatedKeyJson): void => {
    setRotated({ key, token })
    void queries.invalidateQueries({ queryKey: ['keys'] })
  }
  const tab = tabs.find(({ value }) => value === (asked ?? 'usage')) ?? tabs[0]

  if (rotated !== null)
    return (
      <NewToken
        rotated={rotated}
        onReplaced={take}
        onStored={() => {
          setRotated(null)
          navigate(`/keys/${rotated.key.id}`)
        }}
      />
    )
  if (read.data === undefined)
    return (
      <Page title="Key" above={back}>
        {read.error === null ? (
          <Loading />
        ) : (
          <NotShown error={read.error} onRetry={() => void read.refetch()} />
        )}
      </Page>
    )
  const { value: key, etag } = read.data
  return (
    <Page
      title={`${visibleText(key.name)}: ${tab.label}`}
      above={back}
      heading={
        <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <Visible text={key.name} />
          <span className="text-sm font-normal tracking-normal">
            <StateBadge keyLife={key} />
          </span>
        </span>
      }
      actions={<Actions shown={key} etag={etag} onRotated={take} />}
    >
      {read.isError ? (
        <StaleNote error={read.error} readAt={read.dataUpdatedAt} onRetry={() => void read.refetch()} />
      ) : null}
      <KeyFacts shown={key} />
      <RotationPanel shown={key} />
      <Tabs
        label="About this key"
        tabs={tabs}
        value={tab.value}
        onChange={(next) => navigate(`/keys/${id}/${next}`)}
      >
        <TabContent tab={tab.value} shown={key} etag={etag} />
      </Tabs>
    </Page>
  )
}

function TabContent({ tab, shown, etag }: { tab: Tab; shown: ShownKeyJson; etag: string | null }) {
  if (tab === 'tools') return <ToolsTab id={shown.id} />
  if (tab === 'trail') return <KeyTrail id={shown.id} />
  if (tab === 'access') return <AccessTab shown={shown} etag={etag} />
  if (tab === 'history') return <HistoryList changes={shown.history} what="This key" />
  return <UsageTab shown={shown} />
}

/** What whoever is signed in may do with the key as it stands. */
function Actions({
  shown,
  etag,
  onRotated,
}: {
  shown: ShownKeyJson
  etag: string | null
  onRotated: (rotated: RotatedKeyJson) => void
}) {
  const mayChange = useMay('change')
  const [open, setOpen] = useState<'rotate' | 'rename' | 'revoke' | null>(null)
  if (!mayChange) return null
  const close = () => setOpen(null)
  const isDead = shown.revokedAt !== null || shown.state === 'expired' || shown.state === 'retired'
  return (
    <>
      {shown.state === 'active' ? (
        <Button look="primary" onClick={() => setOpen('rotate')}>
          Rotate
        </Button>
      ) : null}
      <Button onClick={() => setOpen('rename')}>Rename</Button>
      {isDead ? null : (
        <Button look="danger-plain" onClick={() => setOpen('revoke')}>
          Revoke
        </Button>
      )}
      {open === 'rename' ? <RenameDialog shown={shown} etag={etag} onClose={close} /> : null}
      {open === 'revoke' ? <RevokeDialog shown={shown} onClose={close} /> : null}
      {open === 'rotate' ? <RotateDialog shown={shown} onClose={close} onRotated={onRotated} /> : null}
    </>
  )
}

/** After a rotation: the new token, once, in the place of the key. */
function NewToken({
  rotated: { key, token },
  onReplaced,
  onStored,
}: {
  rotated: Rotated
  onReplaced: (rotated: RotatedKeyJson) => void
  onStored: () => void
}) {
  if (token === null)
    return (
      <Page key="lost" title="The key was rotated before" isNarrow>
        <LostToken lost={key} onReplaced={onReplaced} />
      </Page>
    )
  return (
    <Page
      key={key.id}
      title="Key rotated"
      heading={
        <>
          The new token of “<Visible text={key.name} />”
        </>
      }
      description="Give it to everything that uses the old one. The key’s page shows who still does, and when it is safe to end."
    >
      <TokenOnce issued={key} token={token} onStored={onStored} />
    </Page>
  )
}

function Loading() {
  return (
    <div role="status" className="space-y-4">
      <span className="visually-hidden">Loading the key</span>
      <Skeleton className="h-20 w-full" />
      <Skeleton className="h-9 w-2/3" />
      <Skeleton className="h-44 w-full" />
    </div>
  )
}

function NotShown({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  if (problemOf(error).code !== 'not_found')
    return <ErrorState error={error} onRetry={onRetry} title="The key could not be loaded" />
  return (
    <EmptyState
      icon={<KeyRound aria-hidden />}
      title="There is no such key"
      actions={
        <Link href="/" className={buttonLook({ look: 'primary' })}>
          Go to the keys
        </Link>
      }
    >
      Keys are never deleted, so the link may be mistyped; or the key belongs to a service user that isn’t
      yours.
    </EmptyState>
  )
}

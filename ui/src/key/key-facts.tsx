import { Link } from 'wouter'
import type { ShownKeyJson } from '../api/types.ts'
import { Address } from '../components/address.tsx'
import { Time } from '../components/time.tsx'
import { Visible } from '../trail/visible.tsx'
import { FactGrid, type Fact } from './fact-grid.tsx'

/** Whose key it is, how to recognise it, and its times. */
export function KeyFacts({ shown }: { shown: ShownKeyJson }) {
  const { owner, backupOwner, customer, predecessorId, retiresAt, revokedAt, familyEndsAt } = shown
  const facts: Fact[] = [
    {
      name: 'Service user',
      value: (
        <Link href={`/service-users/${shown.serviceUserId}`} className="text-accent hover:underline">
          <Visible text={shown.serviceUser} />
        </Link>
      ),
    },
    {
      name: 'Owner',
      value: owner === null ? <span className="text-muted">nobody</span> : <Address text={owner} />,
    },
    {
      name: 'Token starts with',
      value: <code className="font-mono text-xs whitespace-nowrap">{shown.start}…</code>,
    },
    {
      name: retiresAt !== null && shown.state === 'retiring' ? 'Ends' : 'Expires',
      value: <Time at={shown.state === 'retiring' ? (retiresAt ?? shown.expiresAt) : shown.expiresAt} />,
    },
    { name: 'Last used', value: <Time at={shown.lastUsedAt} /> },
    {
      name: 'Created',
      value: (
        <>
          <Time at={shown.createdAt} /> by <Visible text={shown.createdBy} />
        </>
      ),
    },
  ]
  const ofTheUser = [
    ...(backupOwner === null ? [] : [{ name: 'Backup owner', value: <Address text={backupOwner} /> }]),
    ...(customer === null ? [] : [{ name: 'Customer', value: <Visible text={customer} /> }]),
  ]
  facts.splice(2, 0, ...ofTheUser)
  if (revokedAt !== null)
    facts.push({
      name: shown.state === 'retired' ? 'Ended' : 'Revoked',
      value: (
        <>
          <Time at={revokedAt} />
          {shown.revokedReason === null ? null : (
            <>
              : <Visible text={shown.revokedReason} />
            </>
          )}
        </>
      ),
    })
  if (predecessorId !== null)
    facts.push({
      name: 'Successor of',
      value: (
        <Link href={`/keys/${predecessorId}`} className="text-accent hover:underline">
          an earlier key
        </Link>
      ),
    })
  if (shown.selfRotate)
    facts.push({
      name: 'May rotate itself',
      value: familyEndsAt === null ? 'yes' : <Time at={familyEndsAt} />,
    })
  return (
    <div className="mb-5">
      <FactGrid facts={facts} />
    </div>
  )
}

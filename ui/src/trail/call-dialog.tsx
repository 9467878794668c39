import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { keyQuery } from '../api/queries.ts'
import type { CallJson } from '../api/types.ts'
import { CopyButton } from '../components/copy-button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { ExactTime } from '../components/time.tsx'
import { durationText, wholeCount } from '../text/numbers.ts'
import { Outcome } from './call-table.tsx'
import { calledWhat } from './call-words.ts'
import { useServiceUserNames } from './names.ts'
import { Visible } from './visible.tsx'

/** All that the trail has of one call. */
export function CallDialog({ call, onClose }: { call: CallJson | null; onClose: () => void }) {
  return (
    <Dialog
      isOpen={call !== null}
      onClose={onClose}
      width="wide"
      title={call === null ? '' : <Visible text={calledWhat(call)} className="font-mono text-sm" />}
      actions={
        call === null ? null : (
          <CopyButton text={JSON.stringify(call, null, 2)} what="Row" look="plain" size="small">
            Copy as JSON
          </CopyButton>
        )
      }
    >
      {call === null ? null : <CallFacts call={call} />}
    </Dialog>
  )
}

function CallFacts({ call }: { call: CallJson }) {
  const nameOf = useServiceUserNames(call.serviceUserId !== null)
  const { serviceUserId, keyId } = call
  const facts: [string, ReactNode][] = [
    ['Outcome', <Outcome key="outcome" call={call} />],
    ['Arrived', <ExactTime key="at" at={call.at} />],
  ]
  const add = (name: string, value: ReactNode) => {
    if (value !== null && value !== '') facts.push([name, value])
  }
  const addText = (name: string, value: string | number | null) =>
    add(name, value === null ? null : <Visible text={String(value)} />)
  const addCode = (name: string, value: string | number | null) =>
    add(name, value === null ? null : <Visible text={String(value)} className="font-mono text-xs" />)

  if (call.count > 1)
    add(
      'Stands for',
      <>
        {wholeCount(call.count)} alike, the last at <ExactTime at={call.lastAt} />
      </>,
    )
  add('Took', call.durationMs === null ? null : durationText(call.durationMs))
  if (serviceUserId !== null)
    add(
      'Service user',
      <Link href={`/service-users/${serviceUserId}`} className="text-accent hover:underline">
        <Visible text={nameOf(serviceUserId) ?? serviceUserId} />
      </Link>,
    )
  if (keyId !== null) add('Key', <KeyLink id={keyId} />)
  addCode('Principal', call.principal)
  addText('Credential', call.credentialKind)
  addText('From', call.clientAddress)
  addText('Client', call.userAgent)
  addCode('Tool', call.tool)
  addCode('Method', call.method)
  addCode('Request', [call.httpMethod, call.path].filter((part) => part !== null).join(' ') || null)
  addText('HTTP status', call.status)
  addCode('JSON-RPC error', call.rpcCode)
  addCode('Request id', call.requestId)
  addCode('Trace', call.traceId)
  addCode('Grants’ digest', call.grantsDigest)
  addCode('Arguments’ HMAC', call.argumentsHmac)
  add('Recorded', <ExactTime at={call.recordedAt} />)
  addCode('Written by', `${call.writer}, run ${call.boot}, row ${call.sequence}`)
  addCode('Row', call.id)

  return (
    <dl className="grid gap-x-6 gap-y-2 text-[13px] sm:grid-cols-[9rem_minmax(0,1fr)]">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted max-sm:-mb-1.5 max-sm:text-xs">{name}</dt>
          <dd className="min-w-0">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function KeyLink({ id }: { id: string }) {
  const { data } = useQuery(keyQuery(id))
  return (
    <Link href={`/keys/${id}`} className="text-accent hover:underline">
      {data === undefined ? (
        <span className="font-mono text-xs">{id}</span>
      ) : (
        <>
          <Visible text={data.value.name} /> <span className="font-mono text-xs">{data.value.start}…</span>
        </>
      )}
    </Link>
  )
}

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useMay, useMe } from '../api/me.ts'
import { keyAccessQuery } from '../api/queries.ts'
import type { KeyEdit, ShownKeyJson } from '../api/types.ts'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { ChangedMeanwhile } from '../components/changed-meanwhile.tsx'
import { CopyAsCli } from '../components/code-block.tsx'
import { FormError } from '../components/field.tsx'
import { showToast } from '../components/toast.tsx'
import { accessWords } from '../create/access-words.ts'
import { AddressesField } from '../create/addresses-field.tsx'
import { draftOfLimits, faultsOfLimits, limitOptions, limitsOf, type LimitsDraft } from '../create/limits.ts'
import { LimitsField } from '../create/limits-field.tsx'
import { ToolsField } from '../create/tools-field.tsx'
import { Visible } from '../trail/visible.tsx'
import { commandLine, options } from './commands.ts'
import { editKey, readKey, versionOf } from './key-version.ts'
import { useVersionedEdit } from './use-versioned-edit.ts'

/** What a key may do, as the form has it; null: no list. */
interface Grants extends LimitsDraft {
  tools: readonly string[] | null
  addresses: readonly string[] | null
}

const grantsOf = ({ tools, addresses, limits }: ShownKeyJson): Grants => ({
  tools: tools.length === 0 ? null : tools,
  addresses: addresses.length === 0 ? null : addresses,
  ...draftOfLimits(limits),
})

const limitFields = ['rate', 'burst', 'tools', 'concurrent', 'daily', 'monthly'].map(
  (name) => `limits.${name}`,
)

/** What the key may do and from where; to be changed, and told what of it nothing uses. */
export function AccessTab({ shown, etag }: { shown: ShownKeyJson; etag: string | null }) {
  const mayChange = useMay('change')
  const { denyToolsByDefault } = useMe().deployment.policy
  const isDead = shown.revokedAt !== null || shown.state === 'expired' || shown.state === 'retired'
  return (
    <div className="max-w-2xl space-y-6">
      <p className="text-[13px]">{accessWords(grantsOf(shown), denyToolsByDefault)}</p>
      <UnusedGrants id={shown.id} />
      {mayChange && !isDead ? (
        <GrantsForm shown={shown} etag={etag} denyByDefault={denyToolsByDefault} />
      ) : (
        <GrantsAsTheyAre shown={shown} />
      )}
    </div>
  )
}

function UnusedGrants({ id }: { id: string }) {
  const { data } = useQuery(keyAccessQuery(id))
  if (data === undefined || data.unusedPatterns.length === 0) return null
  return (
    <section aria-labelledby="unused" className="rounded-md border border-line bg-warn-soft p-3 text-[13px]">
      <h2 id="unused" className="font-medium text-warn">
        Granted, but not used in 90 days
      </h2>
      <ul className="mt-2 flex flex-wrap gap-1.5">
        {data.unusedPatterns.map((pattern) => (
          <li key={pattern}>
            <Badge className="bg-surface font-mono whitespace-normal">
              <Visible text={pattern} />
            </Badge>
          </li>
        ))}
      </ul>
      <p className="mt-2 text-xs text-muted">
        What nobody needs can be taken away: a leaked key does less harm then.
      </p>
    </section>
  )
}

function GrantsForm({
  shown,
  etag,
  denyByDefault,
}: {
  shown: ShownKeyJson
  etag: string | null
  denyByDefault: boolean
}) {
  const queries = useQueryClient()
  const [isTried, setTried] = useState(false)
  const edit = useVersionedEdit({
    current: versionOf(shown, etag, grantsOf),
    read: async () => versionOf(...(await readKey(queries, shown.id)), grantsOf),
    send: async (patch, ifMatch) => {
      // All limits are sent where one was changed: the others as they are at the version that this is for.
      const [now] = await readKey(queries, shown.id)
      const body = bodyOf(patch, { ...grantsOf(now), ...patch })
      return versionOf(await editKey(shown.id, body, ifMatch), null, grantsOf)
    },
    labels: {
      tools: 'Tool patterns',
      addresses: 'Addresses',
      rate: 'Rate',
      burst: 'Burst',
      toolRates: 'Rates of tools',
      concurrent: 'Calls at once',
      daily: 'Calls a day',
      monthly: 'Calls a month',
    },
    stale: [['keys']],
    onDone: () => {
      setTried(false)
      showToast('Access saved', { detail: 'It holds from the next call on.' })
    },
  })
  const { tools, addresses } = edit.draft
  // "Only these" with nothing named would be sent as no limit at all.
  const missing = (list: readonly string[] | null) =>
    isTried && list?.length === 0 ? 'Name at least one, or choose otherwise.' : undefined
  const faults = faultsOfLimits(edit.draft)
  const isComplete = tools?.length !== 0 && addresses?.length !== 0 && Object.keys(faults).length === 0
  return (
    <form
      className="space-y-5"
      onSubmit={(event) => {
        event.preventDefault()
        setTried(true)
        if (edit.isChanged && isComplete) void edit.save()
      }}
    >
      {edit.meanwhile === null ? null : (
        <ChangedMeanwhile
          what="This key"
          changes={edit.meanwhile.differences}
          by={edit.meanwhile.by}
          onKeepMine={edit.meanwhile.keepMine}
          onTakeTheirs={edit.meanwhile.takeTheirs}
          isPending={edit.submit.isPending}
        />
      )}
      <ToolsField
        tools={tools}
        onChange={(next) => edit.setDraft({ tools: next })}
        denyByDefault={denyByDefault}
        error={missing(tools) ?? edit.submit.fieldError('tools')}
      />
      <AddressesField
        addresses={addresses}
        onChange={(next) => edit.setDraft({ addresses: next })}
        error={missing(addresses) ?? edit.submit.fieldError('addresses')}
      />
      <LimitsField
        limits={edit.draft}
        onChange={edit.setDraft}
        errorOf={(field) => (isTried ? faults[field] : undefined) ?? edit.submit.fieldError(field)}
      />
      {edit.meanwhile === null ? (
        <FormError>{edit.submit.formError(['tools', 'addresses', ...limitFields])}</FormError>
      ) : null}
      <div className="flex flex-wrap items-center gap-2">
        <Button type="submit" look="primary" isPending={edit.submit.isPending} disabled={!edit.isChanged}>
          Save access
        </Button>
        {edit.isChanged ? <Button onClick={edit.reset}>Discard</Button> : null}
        {edit.isChanged && isComplete ? <CopyAsCli command={editCommand(shown.id, edit.changes)} /> : null}
      </div>
    </form>
  )
}

/** An empty list takes a limit away. */
function bodyOf({ tools, addresses, ...limits }: Partial<Grants>, whole: Grants): KeyEdit {
  return {
    ...(tools === undefined ? {} : { tools: [...(tools ?? [])] }),
    ...(addresses === undefined ? {} : { addresses: [...(addresses ?? [])] }),
    ...(Object.keys(limits).length === 0 ? {} : { limits: limitsOf(whole) }),
  }
}

function editCommand(id: string, { tools, addresses, ...limits }: Partial<Grants>): string {
  return commandLine(
    'keys',
    'edit',
    id,
    ...options({
      tool: tools,
      'all-tools': tools === null || undefined,
      address: addresses,
      'any-address': addresses === null || undefined,
      ...limitOptions(limits),
    }),
  )
}

function limitsInWords({ limits }: ShownKeyJson): string[] {
  const { rate, burst, toolRates, concurrent, daily, monthly } = draftOfLimits(limits)
  return [
    ...(rate === '' ? [] : [burst === '' ? rate : `${rate} (burst ${burst})`]),
    ...toolRates,
    ...(concurrent === '' ? [] : [`${concurrent} at once`]),
    ...(daily === '' ? [] : [`${daily} a day`]),
    ...(monthly === '' ? [] : [`${monthly} a month`]),
  ]
}

function GrantsAsTheyAre({ shown }: { shown: ShownKeyJson }) {
  const lists = [
    { name: 'Tool patterns', list: shown.tools, none: 'none' },
    { name: 'Addresses', list: shown.addresses, none: 'any' },
    { name: 'Limits', list: limitsInWords(shown), none: 'none of its own' },
  ]
  return (
    <dl className="space-y-4 text-[13px]">
      {lists.map(({ name, list, none }) => (
        <div key={name}>
          <dt className="text-xs text-muted">{name}</dt>
          <dd className="mt-1 flex flex-wrap gap-1.5">
            {list.length === 0
              ? none
              : list.map((entry) => (
                  <Badge key={entry} className="font-mono whitespace-normal">
                    <Visible text={entry} />
                  </Badge>
                ))}
          </dd>
        </div>
      ))}
    </dl>
  )
}

import { useEffect, useRef, useState, type ReactNode } from 'react'
import { Link } from 'wouter'
import { useMe } from '../api/me.ts'
import type { NewKey, ServiceUserJson } from '../api/types.ts'
import type { Submit } from '../api/use-submit.ts'
import { Button, buttonLook } from '../components/button.tsx'
import { Checkbox, Field, FieldError, FormError, Input } from '../components/field.tsx'
import { serverNow } from '../api/server-time.ts'
import { AddressesField } from './addresses-field.tsx'
import { firstExpiry } from './expiry.ts'
import { ExpiryField } from './expiry-field.tsx'
import { noLimits } from './limits.ts'
import { LimitsField } from './limits-field.tsx'
import { NewServiceUser } from './new-service-user.tsx'
import { bodyOf, missingIn, type KeyDraft } from './request.ts'
import { ServiceUserField } from './service-user-field.tsx'
import { Summary } from './summary.tsx'
import { ToolsField } from './tools-field.tsx'

/** The fields of the form, as the server calls them, and the part of the draft that each is about. */
const parts = {
  serviceUser: 'serviceUserId',
  name: 'name',
  expires: 'expiry',
  tools: 'tools',
  addresses: 'addresses',
  'limits.rate': 'limits',
  'limits.burst': 'limits',
  'limits.tools': 'limits',
  'limits.concurrent': 'limits',
  'limits.daily': 'limits',
  'limits.monthly': 'limits',
  selfRotate: 'selfRotate',
} as const satisfies Record<string, keyof KeyDraft>
type FieldName = keyof typeof parts

/** The form for a new key. What is typed stays until the answer says that the key was made. */
export function KeyForm({
  firstUser,
  submit,
  note,
}: {
  firstUser: ServiceUserJson | null
  submit: Submit<NewKey>
  /** Above the buttons: what else is to be said about the last attempt. */
  note: (body: NewKey) => ReactNode
}) {
  const { policy } = useMe().deployment
  const form = useRef<HTMLFormElement>(null)
  const [user, setUser] = useState(firstUser)
  const [newUserName, setNewUserName] = useState<string | null>(null)
  const [tried, setTried] = useState<KeyDraft | null>(null)
  const [draft, setDraft] = useState<KeyDraft>(() => ({
    serviceUserId: firstUser?.id ?? '',
    name: '',
    expiry: firstExpiry(policy, serverNow()),
    tools: null,
    addresses: null,
    limits: noLimits,
    selfRotate: false,
  }))
  const change = (part: Partial<KeyDraft>): void => setDraft((draft) => ({ ...draft, ...part }))
  const choose = (chosen: ServiceUserJson | null): void => {
    setUser(chosen)
    change({ serviceUserId: chosen?.id ?? '' })
  }
  const missing = missingIn(draft)
  // What the server said holds for what it was sent: an edit takes it away.
  const errorOf = (field: FieldName): string | undefined =>
    tried === null
      ? undefined
      : (missing[field] ??
        (tried[parts[field]] === draft[parts[field]] ? submit.fieldError(field) : undefined))

  const [tries, setTries] = useState(0)
  useEffect(() => {
    if (tries > 0) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [tries])
  const send = async (): Promise<void> => {
    setTried(draft)
    const isTaken = Object.keys(missing).length === 0 && (await submit.submit(bodyOf(draft)))
    if (!isTaken) setTries((count) => count + 1)
  }

  return (
    <>
      <form
        ref={form}
        noValidate
        aria-label="New key"
        className="grid grid-cols-[minmax(0,1fr)] items-start gap-6 lg:grid-cols-[minmax(0,1fr)_20rem] lg:gap-x-10 lg:*:col-start-1"
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <ServiceUserField
          chosen={user}
          onChange={choose}
          onCreate={setNewUserName}
          error={errorOf('serviceUser')}
        />
        <Field
          label="Name of the key"
          isOptional
          error={errorOf('name')}
          hint="Where it lives, so that you know what stops when you revoke it: laptop of Ada, staging cron."
        >
          {(control) => (
            <Input
              {...control}
              value={draft.name}
              placeholder={user?.name ?? ''}
              onChange={(event) => change({ name: event.target.value })}
            />
          )}
        </Field>
        <ExpiryField
          expiry={draft.expiry}
          onChange={(expiry) => change({ expiry })}
          policy={policy}
          error={errorOf('expires')}
        />
        <ToolsField
          tools={draft.tools}
          onChange={(tools) => change({ tools })}
          denyByDefault={policy.denyToolsByDefault}
          error={errorOf('tools')}
        />
        <AddressesField
          addresses={draft.addresses}
          onChange={(addresses) => change({ addresses })}
          error={errorOf('addresses')}
        />
        <LimitsField
          limits={draft.limits}
          onChange={(part) => change({ limits: { ...draft.limits, ...part } })}
          errorOf={(field) => errorOf(field as FieldName)}
        />
        <div>
          <Checkbox
            checked={draft.selfRotate}
            onChange={(event) => change({ selfRotate: event.target.checked })}
          >
            It may renew itself
            <span className="block text-xs text-muted">
              Its program can rotate it with its own token, without anyone signing in. A thief could too:
              leave it off where nothing uses it.
            </span>
          </Checkbox>
          {errorOf('selfRotate') === undefined ? null : <FieldError>{errorOf('selfRotate')}</FieldError>}
        </div>
        {/* Beside all of the rows where there is room; else right before the button that it is about. */}
        <div className="h-full lg:col-start-2! lg:row-start-1 lg:row-end-[span_8]">
          <Summary draft={draft} user={user} denyToolsByDefault={policy.denyToolsByDefault} />
        </div>
        <div className="grid gap-3 border-t border-line pt-4">
          <FormError>{submit.formError(Object.keys(parts))}</FormError>
          {note(bodyOf(draft))}
          <div className="flex flex-wrap justify-end gap-2">
            <Link href="/" className={buttonLook()}>
              Cancel
            </Link>
            <Button type="submit" look="primary" isPending={submit.isPending}>
              Create key
            </Button>
          </div>
        </div>
      </form>
      {/* Beside the form and not in it: a form's submit goes up through React's tree. */}
      {newUserName === null ? null : (
        <NewServiceUser
          name={newUserName}
          onClose={() => setNewUserName(null)}
          onDone={(made) => {
            setNewUserName(null)
            choose(made)
          }}
        />
      )}
    </>
  )
}

import { Send } from 'lucide-react'
import { useState } from 'react'
import { useMay } from '../../api/me.ts'
import { change } from '../../api/request.ts'
import type { NoticeJson, SettingsJson } from '../../api/types.ts'
import { useSubmit } from '../../api/use-submit.ts'
import { Button } from '../../components/button.tsx'
import { Dialog } from '../../components/dialog.tsx'
import { Facts } from '../../components/facts.tsx'
import { Field, FormError, Input } from '../../components/field.tsx'
import { showToast } from '../../components/toast.tsx'
import { Section } from '../../frame/page.tsx'

/** Where notices go, and a way to see whether they arrive. */
export function Channels({ channels }: { channels: SettingsJson['channels'] }) {
  const { email, webhooks, slack, pageUrl } = channels
  const mayTest = useMay('administer')
  const [isTesting, setTesting] = useState(false)
  const hasNone = email === null && webhooks.length === 0 && !slack
  return (
    <Section
      title="Notices"
      description={
        hasNone
          ? 'No channel is set, so nobody is told when keys end. Notices are still written, and shown on the page. Set notices.email, webhooks or Slack in the configuration.'
          : 'Where owners are told that keys end, retire or leak. Set in the configuration.'
      }
      actions={
        mayTest && !hasNone ? (
          <Button onClick={() => setTesting(true)}>
            <Send aria-hidden />
            Send a test
          </Button>
        ) : null
      }
    >
      <Facts
        facts={[
          ['E-mail', email === null ? <NotSet key="email" /> : `from ${email.from}`],
          [
            'Webhooks',
            webhooks.length === 0 ? <NotSet key="webhooks" /> : webhooks.map(({ name }) => name).join(', '),
          ],
          ['Slack', slack ? 'set' : <NotSet key="slack" />],
          ['Links in notices lead to', pageUrl ?? <NotSet key="page" />],
        ]}
      />
      {isTesting ? <TestDialog hasEmail={email !== null} onClose={() => setTesting(false)} /> : null}
    </Section>
  )
}

function NotSet() {
  return <span className="text-muted">not set</span>
}

function TestDialog({ hasEmail, onClose }: { hasEmail: boolean; onClose: () => void }) {
  const [email, setEmail] = useState('')
  const testing = useSubmit(
    (input: { email?: string }) => change<NoticeJson>('POST', '/notices/test', input),
    {
      stale: [['notices']],
      onDone: () => {
        showToast('A test notice is on its way', { detail: 'Notices says whether it was delivered.' })
        onClose()
      },
    },
  )
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Send a test notice"
      description="It goes over every channel that is set. Notices then says for each whether it was delivered."
    >
      <form
        // The server says what is wrong, beside the field.
        noValidate
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          void testing.submit(email.trim() === '' ? {} : { email: email.trim() })
        }}
      >
        {hasEmail ? (
          <Field
            label="E-mail address"
            isOptional
            hint="Without one, it goes to the address that notices are sent from."
            error={testing.fieldError('email')}
          >
            {(control) => (
              <Input
                {...control}
                type="email"
                value={email}
                onChange={(event) => setEmail(event.target.value)}
              />
            )}
          </Field>
        ) : null}
        <FormError>{testing.formError(hasEmail ? ['email'] : [])}</FormError>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" isPending={testing.isPending}>
            Send
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

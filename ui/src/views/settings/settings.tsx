import { useQuery } from '@tanstack/react-query'
import { useMay, useMe } from '../../api/me.ts'
import { settingsQuery } from '../../api/queries.ts'
import { Facts } from '../../components/facts.tsx'
import { EmptyState, ErrorState, SkeletonRows } from '../../components/states.tsx'
import { Page, Section } from '../../frame/page.tsx'
import { lengthText } from '../../text/relative-time.ts'
import { Channels } from './channels.tsx'
import { ManagementKeys } from './management-keys.tsx'
import { OwnPasskeys } from './own-passkeys.tsx'
import { OwnPassword } from './own-password.tsx'

/** What holds for the whole deployment, and one's own sign-in. */
export function Settings() {
  const me = useMe()
  const mayOversee = useMay('oversee')
  return (
    <Page title="Settings" isNarrow>
      {me.via === 'person' ? (
        <Section title="Your sign-in" description={`You are signed in as ${me.email ?? me.actor}.`}>
          <div className="grid gap-4">
            <OwnPassword />
            <OwnPasskeys />
          </div>
        </Section>
      ) : null}
      {mayOversee ? (
        <>
          <Configured />
          <ManagementKeys />
        </>
      ) : me.via === 'host' ? (
        <EmptyState title="Nothing to set here">
          The app signs you in, and administrators look after what is set for everyone.
        </EmptyState>
      ) : null}
    </Page>
  )
}

/** What the configuration file or the environment sets: shown here, changed there. */
function Configured() {
  const settings = useQuery(settingsQuery)
  if (settings.data === undefined)
    return (
      <Section title="Policy">
        {settings.error === null ? (
          <SkeletonRows rows={4} />
        ) : (
          <ErrorState error={settings.error} onRetry={() => void settings.refetch()} />
        )}
      </Section>
    )
  const { policy, prefixes, signInMaxAgeMs, routes, channels } = settings.data
  return (
    <>
      <Section
        title="Policy"
        description="Set in the configuration of the server, which holds for every way of making keys. To change it, change it there and start the server anew."
      >
        <Facts
          facts={[
            [
              'Life of a new key',
              `${lengthText(policy.defaultLifeMs)}, at most ${lengthText(policy.maxLifeMs)}`,
            ],
            [
              'Overlap after a rotation',
              `${lengthText(policy.overlapMs)}, at most ${lengthText(policy.maxOverlapMs)}`,
            ],
            ['Keys that rotate themselves', `end after ${lengthText(policy.maxFamilyLifeMs)} in all`],
            [
              'A key without tool patterns',
              policy.denyToolsByDefault ? 'may call no tool' : 'may call every tool',
            ],
            ['Living keys of one service user', `at most ${policy.keysPerServiceUser}`],
            ['Owner of a service user', policy.requireOwner ? 'required' : 'may be left out'],
            ['Tokens begin with', <Prefixes key="prefixes" prefixes={prefixes} />],
            ['Making a key', `needs a sign-in not older than ${lengthText(signInMaxAgeMs)}`],
          ]}
        />
      </Section>
      <Section
        title="Routes"
        description="What the gateway answers at, and what each route accepts. The first match holds."
      >
        <Facts
          facts={routes.map(({ path, isMcp, isPublic, accepts }) => [
            path,
            isPublic
              ? 'public, without identity and without trail'
              : `${isMcp ? 'MCP; ' : ''}accepts ${accepts.map((kind) => kindWords[kind] ?? kind).join(', ')}`,
          ])}
        />
      </Section>
      <Channels channels={channels} />
    </>
  )
}

const kindWords: Readonly<Record<string, string>> = {
  'service-key': 'service keys',
  jwt: 'JWTs',
  session: 'sessions of people',
}

function Prefixes({ prefixes }: { prefixes: readonly string[] }) {
  return (
    <>
      <code className="font-mono text-xs">{prefixes[0]}_</code>
      {prefixes.length < 2 ? null : (
        <span className="text-muted">
          ; accepted too:{' '}
          <code className="font-mono text-xs">
            {prefixes
              .slice(1)
              .map((each) => `${each}_`)
              .join(' ')}
          </code>
        </span>
      )}
    </>
  )
}

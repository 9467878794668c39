import { Download, EyeOff } from 'lucide-react'
import { useState } from 'react'
import { useMe } from '../api/me.ts'
import type { KeyJson } from '../api/types.ts'
import { announce } from '../components/announce.tsx'
import { Button } from '../components/button.tsx'
import { CopyButton } from '../components/copy-button.tsx'
import { AlertDialog } from '../components/dialog.tsx'
import { Time } from '../components/time.tsx'
import { Section } from '../frame/page.tsx'
import { envFile } from './env-file.ts'
import { FirstCallPanel } from './first-call-panel.tsx'
import { SnippetTabs } from './snippet-tabs.tsx'
import { useLeaveGuard } from './use-leave-guard.ts'

export interface TokenOnceProps {
  /** The key that the token belongs to. */
  issued: Pick<KeyJson, 'id' | 'name' | 'serviceUser' | 'expiresAt'>
  /** The secret: whoever renders this holds it in a component's state, and nowhere else. */
  token: string
  /** It was said to be stored: drop the token, and go on. */
  onStored: () => void
}

/** The one time that a token is seen: to copy, to download, to paste; with what tells that it works. */
export function TokenOnce({ issued, token, onStored }: TokenOnceProps) {
  const [leaving, setLeaving] = useState<{ go: () => void } | null>(null)
  const { mcpUrls } = useMe().deployment
  useLeaveGuard(true, (go) => setLeaving({ go }))

  const download = (): void => {
    saveFile(envFile(issued, token, mcpUrls[0]?.url ?? null))
    announce('File downloaded')
  }

  return (
    <div className="space-y-8">
      <section aria-label="Token" className="panel border-accent p-4 sm:p-5">
        <p className="mb-3 flex items-start gap-2 text-[13px]">
          <EyeOff className="mt-0.5 size-4 shrink-0 text-accent" aria-hidden />
          <span>
            <strong className="font-semibold">You see this token only now.</strong> Postern keeps its hash and
            can’t show it again: store it where the caller reads its secrets.
          </span>
        </p>
        <code
          tabIndex={0}
          role="textbox"
          aria-readonly
          aria-label="Token"
          translate="no"
          className="block w-full rounded-md border border-line bg-sunken px-3 py-3 font-mono text-sm leading-6 break-all select-all sm:text-[15px]"
        >
          {token}
        </code>
        <div className="mt-3 flex flex-wrap items-center gap-2">
          <CopyButton text={token} what="Token" look="primary" />
          <Button onClick={download}>
            <Download aria-hidden />
            Download .env
          </Button>
          <span className="ml-auto text-xs text-muted">
            ends <Time at={issued.expiresAt} />
          </span>
        </div>
      </section>

      <FirstCallPanel keyId={issued.id} />

      <Section title="Use it" description="Each has the key in its place already.">
        <SnippetTabs token={token} />
      </Section>

      <footer className="flex flex-wrap items-center justify-end gap-3 border-t border-line pt-4">
        <p className="mr-auto text-[13px] text-muted">Is it where it belongs? It is gone from here then.</p>
        <Button look="primary" onClick={onStored}>
          I have stored it
        </Button>
      </footer>

      <AlertDialog
        isOpen={leaving !== null}
        onClose={() => setLeaving(null)}
        title="Have you stored the token?"
        description={`The token of “${issued.name}” can’t be shown again. Without it the key has to be rotated.`}
        confirmLabel="I have stored it"
        cancelLabel="Stay here"
        isDangerous={false}
        onConfirm={() => {
          setLeaving(null)
          leaving?.go()
        }}
      />
    </div>
  )
}

function saveFile({ name, text }: { name: string; text: string }): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}

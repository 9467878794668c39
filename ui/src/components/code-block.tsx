import { useState } from 'react'
import { Terminal } from 'lucide-react'
import { Button } from './button.tsx'
import { classNames } from './class-names.ts'
import { CopyButton } from './copy-button.tsx'
import { Popover } from './popover.tsx'

/** A piece of code to be copied. Long lines scroll within it. */
export function CodeBlock({
  code,
  what = 'Code',
  label,
  className,
}: {
  code: string
  /** What it is, for the copy button. */
  what?: string
  /** Stands above it: a file's name. */
  label?: string
  className?: string
}) {
  return (
    <div className={classNames('overflow-hidden rounded-md border border-line bg-sunken', className)}>
      <div className="flex min-h-9 items-center justify-between gap-2 border-b border-line py-1 pr-1 pl-3">
        <span className="truncate text-xs text-muted">{label ?? what}</span>
        <CopyButton text={code} what={what} look="quiet" size="small">
          Copy
        </CopyButton>
      </div>
      {/* Focusable, so that the keyboard can scroll it. */}
      <pre
        tabIndex={0}
        role="region"
        aria-label={label ?? what}
        className="overflow-x-auto p-3 font-mono text-xs leading-5 whitespace-pre focus-visible:-outline-offset-2"
      >
        <code>{code}</code>
      </pre>
    </div>
  )
}

/** The same by the command line: `<CopyAsCli command="postern keys revoke …" />`. */
export function CopyAsCli({ command }: { command: string }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <Popover
      isOpen={isOpen}
      onOpenChange={setOpen}
      align="end"
      title="The same by the command line"
      trigger={
        <Button look="quiet" size="small" className="-mx-2 pointer-coarse:-mx-3">
          <Terminal aria-hidden />
          Copy as CLI
        </Button>
      }
    >
      <CodeBlock code={command} what="Command" />
    </Popover>
  )
}

/** An argument for a shell, in quotes where it needs them. */
export function shellArgument(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

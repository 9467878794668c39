import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { announce } from './announce.tsx'
import { Button, type ButtonProps } from './button.tsx'
import { showToast } from './toast.tsx'

export interface CopyButtonProps extends Omit<ButtonProps, 'onClick' | 'onCopy'> {
  /** What is copied. */
  text: string
  /** What it is: `Copy token`, and `Token copied` to screen readers. */
  what: string
  /** Without words: only the sign. */
  isIconOnly?: boolean
  onCopied?: () => void
}

/** Copies a text, and says so: by a tick, and to screen readers. */
export function CopyButton({ text, what, isIconOnly = false, onCopied, children, ...rest }: CopyButtonProps) {
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return undefined
    const timer = setTimeout(() => setCopied(false), 2_000)
    return () => clearTimeout(timer)
  }, [isCopied])

  const copy = async () => {
    if (!(await copyText(text))) {
      showToast(`The ${what.toLowerCase()} could not be copied`, {
        isBad: true,
        detail: 'The browser refused. Select it and copy it by hand.',
      })
      return
    }
    setCopied(true)
    announce(`${what} copied`)
    onCopied?.()
  }

  const sign = isCopied ? (
    <Check className={rest.look === 'primary' ? undefined : 'text-good'} aria-hidden />
  ) : (
    <Copy aria-hidden />
  )
  return (
    <Button
      {...rest}
      {...(isIconOnly ? { size: 'icon' as const, 'aria-label': `Copy ${what.toLowerCase()}` } : {})}
      onClick={() => void copy()}
    >
      {sign}
      {isIconOnly ? null : isCopied ? 'Copied' : (children ?? `Copy ${what.toLowerCase()}`)}
    </Button>
  )
}

/** Copies; false where the browser would not. The second way is for pages that aren't served by TLS. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    area.className = 'visually-hidden'
    // In a dialog, what lies outside cannot be focused.
    const place = document.activeElement?.closest('[role=dialog], [role=alertdialog]') ?? document.body
    const before = document.activeElement
    place.append(area)
    area.select()
    try {
      return document.execCommand('copy')
    } catch {
      return false
    } finally {
      area.remove()
      if (before instanceof HTMLElement) before.focus()
    }
  }
}

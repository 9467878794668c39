import { AlertDialog as BaseAlertDialog } from '@base-ui/react/alert-dialog'
import { Dialog as BaseDialog } from '@base-ui/react/dialog'
import { X } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button } from './button.tsx'
import { classNames } from './class-names.ts'
import { FormError } from './field.tsx'

const backdropLook =
  'fixed inset-0 z-40 bg-shade transition-opacity duration-150 data-starting-style:opacity-0 data-ending-style:opacity-0'
const popupLook =
  'popup fixed top-1/2 left-1/2 z-40 flex max-h-[calc(100dvh-2rem)] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 flex-col ' +
  'transition-[opacity,scale] duration-150 data-starting-style:scale-[0.98] data-starting-style:opacity-0 data-ending-style:scale-[0.98] data-ending-style:opacity-0'
const widths = { normal: 'max-w-md', wide: 'max-w-2xl', full: 'max-w-5xl' } as const

export interface DialogProps {
  isOpen: boolean
  /** Called when it is to close: by Escape, the cross, or a click beside it. */
  onClose: () => void
  title: ReactNode
  description?: ReactNode
  width?: keyof typeof widths
  /** No cross, and a click beside it or Escape only calls onClose when this is false. */
  isStubborn?: boolean
  /** The row of buttons at its end: stays in sight. */
  actions?: ReactNode
  children?: ReactNode
}

/** A dialog over the page. It traps the focus and gives it back. */
export function Dialog({
  isOpen,
  onClose,
  title,
  description,
  width = 'normal',
  isStubborn = false,
  actions,
  children,
}: DialogProps) {
  return (
    <BaseDialog.Root
      open={isOpen}
      disablePointerDismissal={isStubborn}
      onOpenChange={(open, details) => {
        if (open) return
        if (isStubborn && details.reason === 'escape-key') {
          details.cancel()
          return
        }
        onClose()
      }}
    >
      <BaseDialog.Portal>
        <BaseDialog.Backdrop className={backdropLook} />
        <BaseDialog.Popup className={classNames(popupLook, widths[width])}>
          <header className="flex items-start justify-between gap-4 px-5 pt-4 pb-3">
            <div className="min-w-0">
              <BaseDialog.Title className="text-base font-semibold">{title}</BaseDialog.Title>
              {description === undefined ? null : (
                <BaseDialog.Description className="mt-1 text-[13px] text-muted" render={<div />}>
                  {description}
                </BaseDialog.Description>
              )}
            </div>
            {isStubborn ? null : (
              <BaseDialog.Close
                render={<Button look="quiet" size="icon" className="-mt-1 -mr-2" aria-label="Close" />}
              >
                <X aria-hidden />
              </BaseDialog.Close>
            )}
          </header>
          <div className="min-h-0 flex-1 overflow-y-auto px-5 pb-5">{children}</div>
          {actions === undefined ? null : (
            <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-5 py-3">
              {actions}
            </footer>
          )}
        </BaseDialog.Popup>
      </BaseDialog.Portal>
    </BaseDialog.Root>
  )
}

export interface AlertDialogProps {
  isOpen: boolean
  onClose: () => void
  title: ReactNode
  description: ReactNode
  /** What the button that does it says: `Revoke key`. */
  confirmLabel: string
  onConfirm: () => void
  cancelLabel?: string
  isPending?: boolean
  /** False while something that is asked for is missing. */
  canConfirm?: boolean
  isDangerous?: boolean
  error?: string | undefined
  children?: ReactNode
}

/** Asks before something that can't be taken back. A click beside it doesn't close it. */
export function AlertDialog({
  isOpen,
  onClose,
  title,
  description,
  confirmLabel,
  onConfirm,
  cancelLabel = 'Cancel',
  isPending = false,
  canConfirm = true,
  isDangerous = true,
  error,
  children,
}: AlertDialogProps) {
  return (
    <BaseAlertDialog.Root
      open={isOpen}
      onOpenChange={(open) => {
        if (!open) onClose()
      }}
    >
      <BaseAlertDialog.Portal>
        <BaseAlertDialog.Backdrop className={backdropLook} />
        <BaseAlertDialog.Popup className={classNames(popupLook, widths.normal)}>
          <form
            className="flex min-h-0 flex-1 flex-col"
            onSubmit={(event) => {
              event.preventDefault()
              if (canConfirm && !isPending) onConfirm()
            }}
          >
            <div className="min-h-0 flex-1 space-y-3 overflow-y-auto p-5">
              <BaseAlertDialog.Title className="text-base font-semibold">{title}</BaseAlertDialog.Title>
              <BaseAlertDialog.Description className="text-[13px] text-muted" render={<div />}>
                {description}
              </BaseAlertDialog.Description>
              {children}
              <FormError>{error}</FormError>
            </div>
            <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-5 py-3">
              <BaseAlertDialog.Close render={<Button />}>{cancelLabel}</BaseAlertDialog.Close>
              <Button
                type="submit"
                look={isDangerous ? 'danger' : 'primary'}
                isPending={isPending}
                disabled={!canConfirm}
              >
                {confirmLabel}
              </Button>
            </footer>
          </form>
        </BaseAlertDialog.Popup>
      </BaseAlertDialog.Portal>
    </BaseAlertDialog.Root>
  )
}

import { Tooltip as BaseTooltip } from '@base-ui/react/tooltip'
import type { ReactElement, ReactNode } from 'react'

const popupLook = 'max-w-72 rounded-md bg-ink px-2 py-1 text-xs text-canvas shadow-drop'

/**
 * A word about a control, on hover and focus. It is no place for what is needed: touch has no hover, and the
 * trigger must have a name of its own.
 */
export function Tooltip({
  text,
  children,
}: {
  text: ReactNode
  children: ReactElement<Record<string, unknown>>
}) {
  return (
    <BaseTooltip.Root>
      <BaseTooltip.Trigger render={children} delay={300} />
      <TooltipPopup>{text}</TooltipPopup>
    </BaseTooltip.Root>
  )
}

/** One tooltip that many triggers share: a list has hundreds of instants. It stands once in the frame. */
export const sharedTooltip = BaseTooltip.createHandle<string>()

export function SharedTooltip() {
  return (
    <BaseTooltip.Root handle={sharedTooltip}>
      {({ payload }) => <TooltipPopup>{payload}</TooltipPopup>}
    </BaseTooltip.Root>
  )
}

/** A text with more about it in the shared tooltip; focusable, so that the keyboard reaches it. */
export function Hinted({
  hint,
  className,
  children,
}: {
  hint: string
  className?: string | undefined
  children: ReactNode
}) {
  return (
    <BaseTooltip.Trigger
      handle={sharedTooltip}
      payload={hint}
      delay={200}
      closeOnClick={false}
      data-above=""
      render={<span tabIndex={0} className={className} />}
    >
      {children}
      <span className="visually-hidden"> ({hint})</span>
    </BaseTooltip.Trigger>
  )
}

function TooltipPopup({ children }: { children: ReactNode }) {
  return (
    <BaseTooltip.Portal>
      <BaseTooltip.Positioner sideOffset={6} className="z-60">
        <BaseTooltip.Popup className={popupLook}>{children}</BaseTooltip.Popup>
      </BaseTooltip.Positioner>
    </BaseTooltip.Portal>
  )
}

import { Toast as BaseToast } from '@base-ui/react/toast'
import { CircleAlert, CircleCheck, X } from 'lucide-react'
import { Button } from './button.tsx'

const manager = BaseToast.createToastManager()

/** Says that something was done: `showToast('Key revoked')`. For what must be read, use a place on the page. */
export function showToast(title: string, options: { detail?: string; isBad?: boolean } = {}): void {
  manager.add({
    title,
    ...(options.detail === undefined ? {} : { description: options.detail }),
    type: options.isBad === true ? 'bad' : 'good',
    timeout: options.isBad === true ? 10_000 : 5_000,
    priority: options.isBad === true ? 'high' : 'low',
  })
}

/** Where toasts appear. It stands once in the page. */
export function Toasts() {
  return (
    <BaseToast.Provider toastManager={manager} limit={3}>
      <BaseToast.Portal>
        <BaseToast.Viewport className="fixed right-4 bottom-4 z-60 flex w-[min(22rem,calc(100vw-2rem))] flex-col gap-2">
          <ToastList />
        </BaseToast.Viewport>
      </BaseToast.Portal>
    </BaseToast.Provider>
  )
}

function ToastList() {
  const { toasts } = BaseToast.useToastManager()
  return toasts.map((toast) => (
    <BaseToast.Root
      key={toast.id}
      toast={toast}
      swipeDirection={['right', 'down']}
      className="popup translate-x-(--toast-swipe-movement-x) translate-y-(--toast-swipe-movement-y) transition-opacity duration-150 data-ending-style:opacity-0 data-limited:hidden data-starting-style:opacity-0"
    >
      <BaseToast.Content className="flex items-start gap-2.5 p-3">
        {toast.type === 'bad' ? (
          <CircleAlert className="mt-0.5 size-4 shrink-0 text-bad" aria-hidden />
        ) : (
          <CircleCheck className="mt-0.5 size-4 shrink-0 text-good" aria-hidden />
        )}
        <div className="min-w-0 flex-1">
          <BaseToast.Title className="text-[13px] font-medium" />
          <BaseToast.Description className="text-xs text-muted" />
        </div>
        <BaseToast.Close
          render={<Button look="quiet" size="icon" className="-my-1 -mr-1 size-7" aria-label="Dismiss" />}
        >
          <X aria-hidden />
        </BaseToast.Close>
      </BaseToast.Content>
    </BaseToast.Root>
  ))
}

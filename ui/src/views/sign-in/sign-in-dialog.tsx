import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import { useLocation } from 'wouter'
import { meQuery, useMe } from '../../api/me.ts'
import { serverNow } from '../../api/server-time.ts'
import { registerSignInDialog, type SignInCause } from '../../api/session-gate.ts'
import { Dialog } from '../../components/dialog.tsx'
import { SignInForm } from './sign-in-form.tsx'

/**
 * Asks to sign in again over whatever is being done, so that nothing typed is lost; what was asked of the server is
 * then sent once more. Signing in may happen in another tab too: coming back to this one is noticed.
 */
export function SignInDialog() {
  const me = useMe()
  const queries = useQueryClient()
  const [path, navigate] = useLocation()
  const [cause, setCause] = useState<SignInCause | null>(null)
  const settle = useRef<((hasSignedIn: boolean) => void) | null>(null)

  const close = useCallback((hasSignedIn: boolean) => {
    setCause(null)
    settle.current?.(hasSignedIn)
    settle.current = null
  }, [])

  useEffect(
    () =>
      registerSignInDialog(
        (why) =>
          new Promise((resolve) => {
            settle.current = resolve
            setCause(why)
          }),
      ),
    [],
  )

  const goOn = useCallback(async () => {
    const now = await queries.fetchQuery({ ...meQuery, staleTime: 0 }).catch(() => null)
    if (now === null) return
    if (now.actor !== me.actor || now.role !== me.role) {
      // Someone else sees other things.
      location.reload()
      return
    }
    const isFresh = now.freshUntil === null || Date.parse(now.freshUntil) > serverNow()
    if (cause === 'ended' || isFresh) close(true)
  }, [queries, me.actor, me.role, cause, close])

  useEffect(() => {
    if (cause === null) return undefined
    const onBack = () => {
      if (document.visibilityState === 'visible') void goOn()
    }
    document.addEventListener('visibilitychange', onBack)
    return () => document.removeEventListener('visibilitychange', onBack)
  }, [cause, goOn])

  return (
    <Dialog
      isOpen={cause !== null}
      isStubborn={cause === 'ended'}
      onClose={() => close(false)}
      title={cause === 'ended' ? 'Your sign-in has ended' : 'Sign in again'}
      description={
        cause === 'ended'
          ? 'Sign in to go on where you are. What you typed is kept.'
          : 'This makes or hands out access, so it needs a recent sign-in. What you typed is kept.'
      }
    >
      <SignInForm isOverPage email={me.email} back={path} onSignedIn={() => void goOn()} />
      {cause === 'ended' ? (
        <p className="mt-4 text-center text-[13px]">
          <button
            type="button"
            className="text-accent underline underline-offset-2"
            onClick={() => {
              close(false)
              queries.clear()
              navigate('/sign-in')
            }}
          >
            Leave this page instead
          </button>
        </p>
      ) : null}
    </Dialog>
  )
}

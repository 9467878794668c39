/** Why someone is asked to sign in while the page is open. */
export type SignInCause = 'ended' | 'too-old'

type Ask = (cause: SignInCause) => Promise<boolean>

let ask: Ask | null = null
let asking: Promise<boolean> | null = null

/** The dialog that asks; it is there while the page is. Returns what takes it away again. */
export function registerSignInDialog(dialog: Ask): () => void {
  ask = dialog
  return () => {
    if (ask === dialog) ask = null
  }
}

/**
 * Asks to sign in, over what is being done, so that nothing typed is lost. Several requests at once ask one
 * time. False: it was declined, or there is nobody to ask.
 */
export async function askToSignIn(cause: SignInCause): Promise<boolean> {
  if (ask === null) return false
  asking ??= ask(cause).finally(() => {
    asking = null
  })
  return asking
}

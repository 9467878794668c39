import { describe, expect, it } from 'vitest'
import { askToSignIn, registerSignInDialog } from '../../../ui/src/api/session-gate.ts'

describe('asking to sign in while the page is open', () => {
  it('says no where there is nobody to ask', async () => {
    expect(await askToSignIn('ended')).toBe(false)
  })

  it('asks one time for requests that fail together, and anew for later ones', async () => {
    const asked: string[] = []
    const unregister = registerSignInDialog(async (cause) => {
      asked.push(cause)
      await Promise.resolve()
      return true
    })
    expect(await Promise.all([askToSignIn('ended'), askToSignIn('too-old')])).toEqual([true, true])
    expect(asked).toEqual(['ended'])
    await askToSignIn('too-old')
    expect(asked).toEqual(['ended', 'too-old'])
    unregister()
    expect(await askToSignIn('ended')).toBe(false)
  })
})

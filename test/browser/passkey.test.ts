import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { administrator } from '../e2e/visitor.ts'
import { chromiumPath, openBrowser } from '../ui/browser.ts'
import { dialogOf, openStandalone, patiently, press, signInOn, type Standalone } from './standalone.ts'

describe.skipIf(chromiumPath === null)(
  'a passkey on the page, in Chromium (skipped where it is not there)',
  patiently,
  () => {
    let browser: Browser
    let server: Standalone

    beforeAll(async () => {
      browser = await openBrowser()
      server = await openStandalone(browser)
      await server.ada()
    })
    afterEach(() => server.closeTabs())
    afterAll(async () => {
      await browser?.close()
      await server?.close()
    })

    it('is added in the settings, signs its owner in, and no longer once it is removed', async () => {
      const { page } = await server.tab()
      const devices = await page.context().newCDPSession(page)
      await devices.send('WebAuthn.enable')
      await devices.send('WebAuthn.addVirtualAuthenticator', {
        options: {
          protocol: 'ctap2',
          transport: 'internal',
          hasResidentKey: true,
          hasUserVerification: true,
          isUserVerified: true,
          automaticPresenceSimulation: true,
        },
      })
      // Passkeys belong to a host name.
      const home = server.home.replace('127.0.0.1', 'localhost')
      const signOut = async () => {
        await press(page, new RegExp(`^${administrator}$`))
        await page.getByRole('menuitem', { name: 'Sign out' }).click()
        await page.getByRole('heading', { name: 'Sign in' }).waitFor()
      }
      await page.goto(`${home}/settings`)
      await signInOn(page, administrator)
      await press(page, 'Add a passkey')
      await dialogOf(page).getByLabel('Name').fill('Work laptop')
      await press(dialogOf(page), 'Continue')
      await page.getByRole('listitem').filter({ hasText: 'Work laptop' }).waitFor()

      await signOut()
      await press(page, 'Sign in with a passkey')
      await page.getByRole('heading', { level: 1, name: 'Keys' }).waitFor()

      await page.getByRole('link', { name: 'Settings' }).click()
      await press(page, 'Remove the passkey Work laptop')
      await press(dialogOf(page), 'Remove')
      await expect.poll(() => page.getByRole('listitem').filter({ hasText: 'Work laptop' }).count()).toBe(0)
      await signOut()
      await press(page, 'Sign in with a passkey')
      await page.getByRole('alert').first().waitFor()
      expect(page.url()).toContain('/sign-in')
    })
  },
)

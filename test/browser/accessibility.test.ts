import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Visitor } from '../e2e/visitor.ts'
import { chromiumPath, openBrowser, overflowOf, violationsOf } from '../ui/browser.ts'
import {
  chooseUser,
  dialogOf,
  openStandalone,
  patiently,
  press,
  tokenOn,
  type Standalone,
} from './standalone.ts'

describe.skipIf(chromiumPath === null)(
  'every view, in Chromium (skipped where it is not there)',
  patiently,
  () => {
    let browser: Browser
    let server: Standalone
    let ada: Visitor
    let key: string
    let invitationUrl: string

    beforeAll(async () => {
      browser = await openBrowser()
      server = await openStandalone(browser)
    })
    afterEach(() => server.closeTabs())
    afterAll(async () => {
      await browser?.close()
      await server?.close()
    })

    const looks = (['light', 'dark'] as const).flatMap((colorScheme) =>
      [380, 1600].map((width) => [colorScheme, width] as const),
    )
    async function check(page: Page, what: string): Promise<void> {
      await page.waitForLoadState('networkidle')
      // What comes in slowly is judged as it stands in the end.
      await page.evaluate(
        'Promise.allSettled(document.getAnimations().filter((each) => each.effect.getComputedTiming().iterations < 9).map((each) => each.finished)).then(() => 0)',
      )
      expect([what, await violationsOf(page)]).toEqual([what, []])
      expect([what, await overflowOf(page)]).toEqual([what, 0])
    }
    const tab = async (who: Visitor | null, [colorScheme, width]: (typeof looks)[number]) =>
      (await server.tab(who, { colorScheme, reducedMotion: 'reduce', viewport: { width, height: 900 } })).page
    const heading = (page: Page) => page.getByRole('heading', { level: 1 }).waitFor()

    it('before anyone has signed in, has no finding of axe-core', async () => {
      for (const look of looks) {
        const page = await tab(null, look)
        for (const path of ['/', '/setup']) {
          await page.goto(server.home + path)
          await heading(page)
          await check(page, `${path} ${String(look)}, before the setup`)
        }
        await page.goto(server.ready.setupUrl ?? '')
        await press(page, 'Create my account')
        await page.getByRole('alert').first().waitFor()
        await check(page, `setup ${String(look)}`)
      }
      ada = await server.ada()
      const { json } = await ada.send('POST', '/api/v1/people/invitations', {
        json: { email: 'grace@example.com', role: 'owner' },
      })
      invitationUrl = String(json['url'])
      for (const look of looks) {
        const page = await tab(null, look)
        for (const url of [`${server.home}/sign-in`, invitationUrl]) {
          await page.goto(url)
          await heading(page)
          await check(page, `${url} ${String(look)}`)
        }
      }
    })

    it('for an administrator, has no finding of axe-core', async () => {
      ada = await server.ada()
      const { json } = await ada.send('POST', '/api/v1/keys', {
        json: { serviceUser: 'demo-agent', name: 'looked at', tools: ['list_*'] },
      })
      key = String(json['id'])
      await server.call(String(json['token']))
      await server.call(String(json['token']), 'whoami').catch(() => {})
      await ada.send('POST', '/api/v1/management-keys', { json: { name: 'terraform', role: 'auditor' } })
      const user = String(json['serviceUserId'])
      const paths = [
        ...['/', '/?search=none', '/new', '/service-users', `/service-users/${user}`, '/trail', '/notices'],
        ...['', '/tools', '/trail', '/access', '/history'].map((each) => `/keys/${key}${each}`),
        ...['/notices?show=all', '/people', '/settings', '/keys/none', '/nowhere'],
      ]
      for (const look of looks) {
        const page = await tab(ada, look)
        for (const path of paths) {
          await page.goto(server.home + path)
          await heading(page)
          await check(page, `${path} ${String(look)}`)
        }
      }
    })

    it('has none in the dialogs, with the token, and where something fails', async () => {
      for (const look of looks) {
        const page = await tab(ada, look)
        for (const [path, name] of [
          ['/people', /^Invite/],
          ['/settings', 'Add a passkey'],
          ['/settings', /management key/i],
          [`/keys/${key}`, 'Revoke'],
          [`/keys/${key}`, 'Rotate'],
        ] as const) {
          await page.goto(server.home + path)
          const button = page.getByRole('button', { name, exact: true }).first()
          // Passkeys take a host name, which this address isn't.
          if (name === 'Add a passkey' && (await button.count()) === 0) continue
          await button.click()
          await dialogOf(page).waitFor()
          await check(page, `${path} ${String(name)} ${String(look)}`)
        }
        await page.goto(`${server.home}/new`)
        await press(page, 'Create key')
        await page.getByRole('alert').first().waitFor()
        await check(page, `refused ${String(look)}`)
        await chooseUser(page, 'demo-agent')
        await press(page, 'Create key')
        const token = await tokenOn(page)
        await page.locator('[data-first-call="waiting"]').waitFor()
        await check(page, `token ${String(look)}`)
        await server.call(token)
        await page.locator('[data-first-call="came"]').waitFor()
        await check(page, `first call ${String(look)}`)
        await press(page, 'I have stored it')
        await page.waitForURL(/\/keys\/[0-9a-f-]{36}$/)

        await page.route(/\/api\/v1\/keys\?/, (route) => route.abort())
        await page.goto(`${server.home}/`)
        await page
          .getByRole('button', { name: /try again/i })
          .first()
          .waitFor()
        await check(page, `failed ${String(look)}`)
      }
    })
  },
)

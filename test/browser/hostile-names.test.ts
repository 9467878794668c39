import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { bearer, callOf, mcpHeaders } from '../e2e/gateway.ts'
import type { Visitor } from '../e2e/visitor.ts'
import { chromiumPath, openBrowser, overflowOf } from '../ui/browser.ts'
import { dialogOf, openStandalone, patiently, press, type Standalone } from './standalone.ts'

/** Some that break out of markup, turn or hide what stands around them, look like code, or go on without a blank. */
const own = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'><svg/onload=alert(1)>",
  '</title><iframe srcdoc="<script>alert(1)</script>">',
  'javascript:alert(1)',
  '<a href="javascript:alert(1)" style="position:fixed;inset:0">click</a>',
  '{{constructor.constructor("alert(1)")()}}',
  '__proto__',
  'constructor',
  '\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 abc',
  'Z\u0351\u036b\u0343\u036a\u0302\u0346\u0343\u0300\u0331\u0353A\u0335\u0328\u035c\u0351L\u0334\u0353',
  'e'.repeat(100),
  '\u{1f469}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}'.repeat(3),
  '%3Cscript%3Ealert(1)%3C/script%3E',
  '=HYPERLINK("http://x","y")',
]
const corpus = join(import.meta.dirname, '../../../shared/corpora/naughty-strings.json')
/** Those of the corpus with markup or script in them; where it isn't there, our own alone. */
const strings = [
  ...own,
  ...(existsSync(corpus)
    ? (JSON.parse(readFileSync(corpus, 'utf8')) as string[]).filter(
        (each) => /[<>]|script|alert/i.test(each) && each.length <= 100,
      )
    : []),
]

describe.skipIf(chromiumPath === null)(
  'hostile names, in Chromium (skipped where it is not there)',
  patiently,
  () => {
    let browser: Browser
    let server: Standalone
    let ada: Visitor
    /** Ids of some users and keys that took such a name. */
    const users: string[] = []
    const keys: string[] = []

    beforeAll(async () => {
      browser = await openBrowser()
      server = await openStandalone(browser)
      ada = await server.ada()
      const post = async (path: string, json: object) =>
        (await ada.send('POST', `/api/v1${path}`, { json })).json
      const refusals = new Set<unknown>()
      for (const [place, name] of strings.entries()) {
        // A service user takes so many keys and no more.
        if (place < own.length || place % 20 === 0) {
          const local = name.replaceAll(/[^!#$%&'*+/=?^_`{|}~\w-]/g, '').slice(0, 60)
          const user = await post('/service-users', {
            name,
            owner: `${local === '' ? 'x' : local}@example.com`,
            customer: name,
          })
          if (typeof user['id'] === 'string') users.push(user['id'])
          refusals.add(user['code'])
        }
        const key = await post('/keys', { serviceUser: users.at(-1), name })
        refusals.add(key['code'])
        if (typeof key['id'] !== 'string') continue
        keys.push(key['id'])
        // As the tool of a call, and as what called it.
        if (keys.length > 40) continue
        await fetch(server.ready.mcpUrl ?? '', {
          method: 'POST',
          headers: {
            ...mcpHeaders,
            ...bearer({ token: String(key['token']) }),
            ...(/^[\x20-\x7e]+$/.test(name) ? { 'user-agent': name } : {}),
          },
          body: callOf(name),
        }).then((answer) => answer.text())
      }
      expect(users.length).toBeGreaterThan(own.length / 2)
      expect(keys.length).toBeGreaterThan(strings.length / 2)
      // Whatever is refused is so for being no text to call something by.
      expect([...refusals].every((code) => code === undefined || typeof code === 'string')).toBe(true)
    }, 240_000)
    afterEach(() => server.closeTabs())
    afterAll(async () => {
      await browser?.close()
      await server?.close()
    })

    async function isHarmless(page: Page, where: string): Promise<void> {
      await page.getByRole('heading', { level: 1, includeHidden: true }).first().waitFor()
      await page.waitForLoadState('networkidle')
      const made = page
        .locator('main, [role=dialog], [role=alertdialog]')
        .locator(
          'script, iframe, img, object, embed, style, [onerror], [onload], [srcdoc], [href^="javascript:"]',
        )
      expect([where, await made.count(), page.frames().length]).toEqual([where, 0, 1])
      expect([where, await overflowOf(page)]).toEqual([where, 0])
    }

    // A dialog, an error, or a refusal of the page's policy in any tab fails the test in `closeTabs`.
    it.each([380, 1600])('run nothing and push nothing out of the page, %i px wide', async (width) => {
      const { page } = await server.tab(ada, { viewport: { width, height: 900 } })
      const paths = [
        ...['/', '/?sort=name', '/service-users', '/trail', '/notices?show=all', '/new'],
        `/?search=${encodeURIComponent(own[0] ?? '')}`,
        ...users.slice(0, 6).map((id) => `/service-users/${id}`),
        ...keys.slice(0, 6).map((id) => `/keys/${id}`),
        ...['/usage', '/tools', '/trail', '/access', '/history'].map((tab) => `/keys/${keys[1]}${tab}`),
      ]
      for (const path of paths) {
        await page.goto(server.home + path)
        await isHarmless(page, path)
      }
    })

    it('are text also where a key is ended or made', async () => {
      const { page } = await server.tab(ada, { viewport: { width: 380, height: 900 } })
      for (const id of keys.slice(0, 4)) {
        await page.goto(`${server.home}/keys/${id}`)
        await press(page, 'Revoke')
        await dialogOf(page).getByLabel('Why').waitFor()
        await isHarmless(page, `revoke ${id}`)
      }
      await page.goto(`${server.home}/new?serviceUser=${users[0]}`)
      await page.getByLabel('Name of the key').fill(own[1] ?? '')
      await press(page, 'Create key')
      await page.locator('[data-first-call]').waitFor()
      await isHarmless(page, 'token')
      for (const tab of await page.getByRole('tab').all()) {
        await tab.click()
        await isHarmless(page, 'snippet')
      }
    })
  },
)

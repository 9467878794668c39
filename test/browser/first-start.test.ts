import { readFileSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { administrator, password } from '../e2e/visitor.ts'
import { chromiumPath, openBrowser } from '../ui/browser.ts'
import {
  chooseUser,
  keptBy,
  openStandalone,
  patiently,
  press,
  tokenOn,
  type Standalone,
} from './standalone.ts'

describe.skipIf(chromiumPath === null)(
  'the first start of `postern serve`, in Chromium (skipped where it is not there)',
  patiently,
  () => {
    let browser: Browser
    let server: Standalone

    beforeAll(async () => {
      browser = await openBrowser()
      server = await openStandalone(browser)
    })
    afterEach(() => server.closeTabs())
    afterAll(async () => {
      await browser?.close()
      await server?.close()
    })

    it('lets whoever has the setup link in, once, and takes its secret out of the address', async () => {
      const link = server.ready.setupUrl ?? ''
      const secret = link.slice(link.indexOf('#') + 1)
      const { page, answers } = await server.tab()
      // Beside the link there is no way in.
      await page.goto(server.home)
      await page.getByRole('heading', { name: 'Set this page up' }).waitFor()

      await page.goto(link)
      await page.getByRole('button', { name: 'Create my account' }).waitFor()
      await expect.poll(() => page.url()).toBe(`${server.home}/setup`)
      await press(page, 'Create my account')
      await page.getByRole('alert').first().waitFor()
      await page.getByLabel('E-mail address').fill(administrator)
      await page.getByLabel('Name').fill('Ada')
      await page.getByLabel('Password').fill('short')
      await press(page, 'Create my account')
      await page.locator('[name=password][aria-invalid=true]').waitFor()
      expect(await page.getByLabel('E-mail address').inputValue()).toBe(administrator)
      await page.getByLabel('Password').fill(password)
      await press(page, 'Create my account')
      await page.getByRole('heading', { level: 1, name: 'Keys' }).waitFor()
      expect(await keptBy(page)).not.toContain(secret)
      expect(answers.filter(({ text }) => text.includes(secret))).toEqual([])
      // Nothing of the way in is left behind it.
      await page.goBack()
      expect(page.url()).not.toContain(secret)

      const { page: second } = await server.tab()
      await second.goto(link)
      await second.getByLabel('E-mail address').fill('eve@example.com')
      await second.getByLabel('Name').fill('Eve')
      await second.getByLabel('Password').fill(password)
      await press(second, 'Create my account')
      await second.getByRole('alert').filter({ hasText: /link/ }).waitFor()
      await second.goto(server.home)
      await second.getByRole('heading', { name: 'Sign in' }).waitFor()
    })

    it('shows a token once, turns green for the first call of a real MCP client, and then shows it nowhere', async () => {
      const { page, answers } = await server.tab()
      await page.goto(`${server.home}/new`)
      await page.getByLabel('E-mail address').fill(administrator)
      await page.getByLabel('Password').fill(password)
      await press(page, 'Sign in')
      // Back to where the visitor wanted to be.
      await page.waitForURL(`${server.home}/new`)
      await chooseUser(page, 'demo-agent')
      await page.getByLabel('Name of the key').fill('laptop')
      await press(page, 'Create key')
      const token = await tokenOn(page)
      expect(token).toMatch(/^pst_[0-9A-Za-z]{49}$/)
      const secret = token.slice(8)
      const withSecret = () => answers.filter(({ text }) => text.includes(secret)).map(({ path }) => path)
      await expect.poll(withSecret).toEqual(['POST /admin/api-keys/api/v1/keys'])

      await press(page, 'Copy token')
      await page.getByText('Token copied').waitFor({ state: 'attached' })
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(token)
      const [file] = await Promise.all([page.waitForEvent('download'), press(page, 'Download .env')])
      expect(readFileSync(await file.path(), 'utf8')).toContain(`\nPOSTERN_KEY=${token}\n`)

      await page.locator('[data-first-call="waiting"]').waitFor()
      expect((await server.call(token)).isError).toBe(false)
      await page.locator('[data-first-call="came"]').waitFor()

      answers.length = 0
      await press(page, 'I have stored it')
      await page.waitForURL(/\/keys\/[0-9a-f-]{36}$/)
      const key = page.url()
      expect(await keptBy(page)).not.toContain(secret)
      await page.reload()
      for (const path of [key, `${key}/history`, server.home, `${server.home}/trail`, `${server.home}/new`]) {
        await page.goto(path)
        await page.getByRole('heading', { level: 1 }).waitFor()
        await page.waitForLoadState('networkidle')
        expect(await keptBy(page), path).not.toContain(secret)
      }
      await page.goBack()
      await page.getByRole('heading', { level: 1 }).waitFor()
      expect(await keptBy(page)).not.toContain(secret)
      expect(answers.length).toBeGreaterThan(6)
      expect(withSecret()).toEqual([])
    })

    it('forgets the token also where the tab is reloaded while it is in sight', async () => {
      const { page } = await server.tab()
      await page.goto(`${server.home}/sign-in`)
      await page.getByLabel('E-mail address').fill(administrator)
      await page.getByLabel('Password').fill(password)
      await press(page, 'Sign in')
      await page.getByRole('link', { name: 'New key' }).click()
      await chooseUser(page, 'demo-agent')
      await press(page, 'Create key')
      const token = await tokenOn(page)
      await page.reload()
      await page.getByRole('button', { name: 'Create key' }).waitFor()
      expect(await keptBy(page)).not.toContain(token.slice(8))
      expect((await server.call(token)).isError).toBe(false)
    })
  },
)

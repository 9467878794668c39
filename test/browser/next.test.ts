import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildApp, startApp, type RunningApp } from '../next/next-app.ts'
import { createAgent } from '../next/scene.ts'
import { chromiumPath, openBrowser, openTab, violationsOf, type Tab } from '../ui/browser.ts'
import { chooseUser, dialogOf, keptBy, patiently, press, tokenOn } from './standalone.ts'

describe.skipIf(chromiumPath === null)(
  'the page in a Next app, in Chromium (skipped where it is not there)',
  patiently,
  () => {
    let browser: Browser
    let app: RunningApp
    let home: string
    let agent: { id: string }

    beforeAll(buildApp, 600_000)
    beforeAll(async () => {
      app = await startApp('next start')
      home = `${app.url}/admin/api-keys`
      await fetch(`${app.url}/api/health`)
      agent = await createAgent(app)
      browser = await openBrowser()
    }, 240_000)
    afterAll(async () => {
      await browser?.close()
      await app?.stop('SIGKILL')
    })

    /** In the browser of somebody who has a session of the app. */
    async function tabOf(person: string): Promise<Tab> {
      const cookies = new Map([['session', person]])
      const tab = await openTab(browser, app.url, { cookies } as unknown as Parameters<typeof openTab>[2])
      tab.page.setDefaultTimeout(60_000)
      return tab
    }
    const get = (path: string, token: string) =>
      fetch(app.url + path, { headers: { authorization: `Bearer ${token}` } })

    it('takes the app’s sign-in, makes a key for its routes, and sees its first call live', async () => {
      const { page, answers, faults, close } = await tabOf('ada')
      await page.goto(`${home}/new`)
      await chooseUser(page, 'agent-')
      await page.getByLabel('Name of the key').fill('by the page')
      await press(page, 'Create key')
      const token = await tokenOn(page)
      expect(token).toMatch(/^mmm_[0-9A-Za-z]{49}$/)
      await page.locator('[data-first-call="waiting"]').waitFor()
      // One route behind the app's proxy, and one that guards itself.
      const behind = await get('/api/who', token)
      expect([behind.status, await behind.json()]).toMatchObject([200, { id: agent.id }])
      await page.locator('[data-first-call="came"]').waitFor()
      expect((await get('/api/wrapped/plain', token)).status).toBe(200)
      expect(await violationsOf(page)).toEqual([])

      await press(page, 'I have stored it')
      await page.waitForURL(/\/keys\/[0-9a-f-]{36}$/)
      const secret = token.slice(8)
      const told = answers.filter(({ text }) => text.includes(secret)).map(({ path }) => path)
      expect(told).toEqual(['POST /admin/api-keys/api/v1/keys'])
      await page.reload()
      await page.getByRole('heading', { level: 1 }).waitFor()
      expect(await keptBy(page)).not.toContain(secret)

      await press(page, 'Revoke')
      await dialogOf(page).getByLabel('Why').fill('done')
      await dialogOf(page).getByLabel(/^Type/).fill('by the page')
      await press(dialogOf(page), 'Revoke key')
      await expect.poll(async () => (await get('/api/who', token)).status, { timeout: 30_000 }).toBe(401)
      // People are the app's: it has no view of its own for them, and no way to sign out.
      await page.goto(`${home}/settings`)
      await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor()
      expect(await page.getByRole('button', { name: 'Add a passkey' }).count()).toBe(0)
      await close()
      expect(faults).toEqual([])
    })

    it('is closed to whoever is not signed in to the app, and opens when they are', async () => {
      const { page, answers, faults, close } = await tabOf('nobody')
      await page.goto(`${home}/trail`)
      await page.getByText('This page belongs to an app').waitFor()
      expect(await page.getByRole('link', { name: 'New key' }).count()).toBe(0)
      expect(answers.map(({ text }) => text).join()).not.toContain(agent.id)
      // Without any session it is no different.
      await page.context().clearCookies()
      await page.reload()
      await page.getByText('This page belongs to an app').waitFor()
      await page.context().addCookies([{ name: 'session', value: 'ada', url: app.url }])
      await press(page, 'Try again')
      await page.getByRole('heading', { level: 1, name: 'Trail' }).waitFor()
      await close()
      expect(faults).toEqual([])
    })

    it('goes on where it was when the app’s session ends and somebody signs in again', async () => {
      const { page, faults, close } = await tabOf('ada')
      await page.goto(`${home}/new`)
      await chooseUser(page, 'agent-')
      await page.getByLabel('Name of the key').fill('typed before')
      await page.context().clearCookies()
      await press(page, 'Create key')
      await dialogOf(page).getByText('Your sign-in has ended').waitFor()
      await page.context().addCookies([{ name: 'session', value: 'ada', url: app.url }])
      // As the browser does when its person comes back from the other tab.
      await page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`)
      expect(await tokenOn(page)).toMatch(/^mmm_/)
      expect(await page.getByRole('heading', { level: 1 }).innerText()).toContain('typed before')
      await close()
      expect(faults).toEqual([])
    })
  },
)

import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openVisitor, tokenOf, type Visitor } from '../e2e/visitor.ts'
import { chromiumPath, openBrowser } from '../ui/browser.ts'
import {
  chooseUser,
  dialogOf,
  openStandalone,
  patiently,
  press,
  signInOn,
  tokenOn,
  type Standalone,
} from './standalone.ts'

const invited = 'grace@example.com'

describe.skipIf(chromiumPath === null)(
  'keys of a running `postern serve`, in Chromium (skipped where it is not there)',
  patiently,
  () => {
    let browser: Browser
    let server: Standalone
    let ada: Visitor

    beforeAll(async () => {
      browser = await openBrowser()
      server = await openStandalone(browser)
      ada = await server.ada()
    })
    afterEach(() => server.closeTabs())
    afterAll(async () => {
      await browser?.close()
      await server?.close()
    })

    async function issue(name: string, grants: object = {}): Promise<{ id: string; token: string }> {
      const { json } = await ada.send('POST', '/api/v1/keys', {
        json: { serviceUser: 'demo-agent', name, ...grants },
      })
      return { id: String(json['id']), token: String(json['token']) }
    }
    const shown = async (id: string) => (await ada.send('GET', `/api/v1/keys/${id}`)).json
    const isOpen = (token: string): Promise<boolean> =>
      server.call(token).then(
        () => true,
        () => false,
      )
    const openKey = async (page: Page, id: string, tab = '') => {
      await page.goto(`${server.home}/keys/${id}${tab}`)
      await page.getByRole('heading', { level: 1 }).waitFor()
    }

    it('rotates one: its new token once, and on the old one who still uses it', async () => {
      const old = await issue('nightly')
      await server.call(old.token)
      const { page, answers } = await server.tab(ada)
      await openKey(page, old.id)
      await press(page, 'Rotate')
      await press(dialogOf(page), 'Rotate')
      const token = await tokenOn(page)
      expect(token).toMatch(/^pst_/)
      await page.locator('[data-first-call="waiting"]').waitFor()
      await server.call(token)
      await page.locator('[data-first-call="came"]').waitFor()
      await press(page, 'I have stored it')

      await openKey(page, old.id)
      const panel = page.getByRole('region', { name: /Being rotated/ })
      await panel.getByText('Old key still in use').waitFor()
      expect(await panel.innerText()).toMatch(/127\.0\.0\.1[\s\S]*list_channels/)
      expect([await isOpen(old.token), await isOpen(token)]).toEqual([true, true])
      const told = answers.filter(({ text }) => text.includes(token.slice(8)))
      expect(told.map(({ path }) => path)).toEqual([`POST /admin/api-keys/api/v1/keys/${old.id}/rotate`])

      await press(panel, 'End now')
      // It is in use: whoever ends it says so.
      const confirm = dialogOf(page).getByRole('button', { name: /^End/ })
      const name = dialogOf(page).getByRole('textbox')
      if ((await name.count()) > 0) await name.first().fill('nightly')
      await confirm.click()
      await expect.poll(() => isOpen(old.token), { timeout: 30_000 }).toBe(false)
      expect(await isOpen(token)).toBe(true)
    })

    it('revokes one that was used lately only for whoever types its name, and the next call is refused', async () => {
      const key = await issue('crawler')
      await server.call(key.token)
      const { page } = await server.tab(ada)
      await openKey(page, key.id)
      await press(page, 'Revoke')
      const dialog = dialogOf(page)
      await dialog.getByText(/came with it in the last 24 hours/).waitFor()
      await dialog.getByLabel('Why').fill('leaked')
      const confirm = dialog.getByRole('button', { name: 'Revoke key' })
      await dialog.getByLabel(/^Type/).fill('Crawler')
      expect(await confirm.isDisabled()).toBe(true)
      await dialog.getByLabel(/^Type/).fill('crawler')
      await confirm.click()
      await page.getByText('Key revoked', { exact: true }).first().waitFor()
      await expect.poll(() => isOpen(key.token), { timeout: 30_000 }).toBe(false)
      expect((await shown(key.id))['revokedReason']).toBe('leaked')
    })

    it('takes a tool from one by a pattern, and its next call of another is refused', async () => {
      const key = await issue('analyst')
      const { page } = await server.tab(ada)
      await openKey(page, key.id, '/access')
      await page
        .getByRole('radio', { name: /^Only these/ })
        .first()
        .check()
      await page.getByRole('textbox', { name: 'Add patterns' }).fill('forecast_*')
      await page.keyboard.press('Enter')
      await press(page, 'Save access')
      await page.getByText('Access saved', { exact: true }).first().waitFor()
      expect((await server.call(key.token, 'forecast_revenue')).isError).toBe(false)
      await expect(server.call(key.token, 'list_channels')).rejects.toMatchObject({ code: 40301 })
      await openKey(page, key.id, '/trail')
      await expect
        .poll(() => page.getByRole('main').innerText(), { timeout: 30_000 })
        .toMatch(/list_channels[\s\S]*tool.not.granted|tool.not.granted[\s\S]*list_channels/i)
    })

    it('says what somebody else changed meanwhile, and by whom, before anything is saved over it', async () => {
      const key = await issue('shared')
      const { page } = await server.tab(ada)
      await openKey(page, key.id, '/access')
      const only = page.getByRole('radio', { name: /^Only these/ }).first()
      await only.check()
      await page.getByRole('textbox', { name: 'Add patterns' }).fill('whoami')
      await page.keyboard.press('Enter')
      const { headers } = await ada.send('GET', `/api/v1/keys/${key.id}`)
      const theirs = await ada.send('PATCH', `/api/v1/keys/${key.id}`, {
        json: { tools: ['list_*'] },
        headers: { 'if-match': headers.get('etag') ?? '' },
      })
      expect(theirs.status).toBe(200)
      await press(page, 'Save access')
      const alert = page.getByRole('alert').filter({ hasText: 'was changed while you were editing it' })
      await alert.waitFor()
      expect(await alert.innerText()).toMatch(/ada@example\.com[\s\S]*list_\*/)
      expect((await shown(key.id))['tools']).toEqual(['list_*'])
      await press(alert, 'Save mine over it')
      await expect.poll(async () => (await shown(key.id))['tools']).toEqual(['whoami'])
    })

    it('keeps what was typed while the connection is lost, and goes on from it', async () => {
      const { page } = await server.tab(ada)
      await page.goto(`${server.home}/new`)
      await chooseUser(page, 'demo-agent')
      await page.getByLabel('Name of the key').fill('typed before')
      await page.context().setOffline(true)
      await page.getByText('You are offline').waitFor()
      await press(page, 'Create key')
      await page.getByRole('alert').first().waitFor()
      expect(await page.getByLabel('Name of the key').inputValue()).toBe('typed before')
      await page.context().setOffline(false)
      await press(page, 'Create key')
      expect(await server.call(await tokenOn(page))).toMatchObject({ isError: false })
      const { json } = await ada.send('GET', '/api/v1/keys?search=typed%20before')
      expect(json['data']).toHaveLength(1)
    })

    it('asks whoever’s sign-in was ended elsewhere to sign in again, right where they are', async () => {
      const invitation = await ada.send('POST', '/api/v1/people/invitations', {
        json: { email: invited, role: 'admin' },
      })
      const grace = await openVisitor(server.ready)
      await grace.send('POST', '/api/invitations/accept', {
        json: {
          token: tokenOf(String(invitation.json['url'])),
          name: 'Grace',
          password: 'correct horse battery',
        },
      })
      const { page } = await server.tab(grace)
      await page.goto(`${server.home}/new`)
      await chooseUser(page, 'demo-agent')
      await page.getByLabel('Name of the key').fill('begun before')
      const people = (await ada.send('GET', '/api/v1/people')).json['data'] as { id: string; email: string }[]
      const { id } = people.find(({ email }) => email === invited) ?? { id: '' }
      const out = await ada.send('POST', `/api/v1/people/${id}/sign-out-everywhere`, { json: {} })
      expect(out.status).toBeLessThan(300)

      await press(page, 'Create key')
      const dialog = dialogOf(page)
      await dialog.getByText('Your sign-in has ended').waitFor()
      await signInOn(dialog, null)
      const token = await tokenOn(page)
      expect(await server.call(token)).toMatchObject({ isError: false })
      expect(await page.getByRole('heading', { level: 1 }).innerText()).toContain('begun before')

      // Also after the tab was opened anew.
      await ada.send('POST', `/api/v1/people/${id}/sign-out-everywhere`, { json: {} })
      await page.goto(`${server.home}/trail?outcome=denied`)
      await signInOn(page, invited)
      await page.waitForURL(`${server.home}/trail?outcome=denied`)
      await page.getByRole('heading', { level: 1, name: 'Trail' }).waitFor()
    })
  },
)

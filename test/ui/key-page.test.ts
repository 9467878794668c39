import { readFileSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { bearer, callOf, mcpHeaders, openGateway, type TestGateway } from '../e2e/gateway.ts'
import { startUpstream, type Upstream } from '../e2e/upstream.ts'
import { openAdministrator, openInvited, type Visitor } from '../e2e/visitor.ts'
import { chromiumPath, openBrowser, openTab, overflowOf, violationsOf, type Tab } from './browser.ts'

const hostile = '"><img src=x onerror=alert(1)> \u05d0\u05d1 {{7*7}}'

describe.skipIf(chromiumPath === null)(
  'one key, its trail, service users and notices on the page, in Chromium (skipped where it is not there)',
  // A browser on a machine that does other things as well.
  { timeout: 180_000 },
  () => {
    let upstream: Upstream
    let gateway: TestGateway
    let browser: Browser
    let visitor: Visitor
    let home: string
    const open: Tab[] = []

    beforeAll(async () => {
      upstream = await startUpstream()
      gateway = await openGateway({
        routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${upstream.origin}/mcp` }],
      })
      home = `${gateway.adminUrl}/admin/api-keys`
      visitor = await openAdministrator(gateway)
      browser = await openBrowser()
    })
    afterEach(async () => {
      for (const tab of open.splice(0)) {
        const { faults } = tab
        await tab.close()
        expect(faults).toEqual([])
      }
    })
    afterAll(async () => {
      await browser?.close()
      await gateway?.close()
      await upstream?.close()
    })

    async function tab(options: Parameters<typeof openTab>[3] = {}, who = visitor): Promise<Tab> {
      const opened = await openTab(browser, gateway.adminUrl, who, options)
      open.push(opened)
      return opened
    }
    async function keyCalled(name: string): Promise<{ id: string; token: string }> {
      const { key, token } = await gateway.postern.keys.issue({ serviceUser: 'agent', name }, 'the test')
      if (token === null) throw new Error('no token')
      return { id: key.key.id, token }
    }
    const call = (token: string, tool: string, client = 'tester/1') =>
      fetch(`${gateway.url}/mcp`, {
        method: 'POST',
        headers: { ...mcpHeaders, ...bearer({ token }), 'user-agent': client },
        body: callOf(tool),
      })
    const shown = async (id: string) => (await visitor.send('GET', `/api/v1/keys/${id}`)).json
    const dialog = (page: Page) => page.getByRole('dialog').or(page.getByRole('alertdialog'))
    const press = (where: Page | ReturnType<typeof dialog>, name: string) =>
      where.getByRole('button', { name, exact: true }).click()

    it('rotate a key: the new token once, who still uses the old one, undone and ended', async () => {
      const { id, token } = await keyCalled('nightly')
      await call(token, 'forecast')
      const { page } = await tab()
      await page.goto(`${home}/keys/${id}`)
      await press(page, 'Rotate')
      expect(await page.getByRole('radio', { name: /^In 7 days/ }).isChecked()).toBe(true)
      await press(dialog(page), 'Rotate')
      const next = (await page.getByRole('textbox', { name: 'Token', exact: true }).textContent()) ?? ''
      expect((await call(next, 'forecast')).status).toBe(200)
      await press(page, 'I have stored it')
      const panel = page.getByRole('region', { name: /Being rotated/ })
      await panel.getByText('Old key still in use').waitFor()
      expect(await panel.textContent()).toContain('tester/1')
      expect(await page.content()).not.toContain(next.slice(8))

      await press(panel, 'Undo')
      await press(dialog(page), 'Undo the rotation')
      await page.waitForURL(`**/keys/${id}`)
      await expect.poll(async () => (await shown(id))['state']).toBe('active')
      await expect.poll(async () => (await call(next, 'forecast')).status).toBe(401)

      await press(page, 'Rotate')
      await page.getByRole('radio', { name: /^Now/ }).check()
      await press(dialog(page), 'Rotate')
      await page.getByRole('textbox', { name: 'Token', exact: true }).waitFor()
      await expect.poll(async () => (await call(token, 'forecast')).status).toBe(401)
    })

    it('ask for a key’s name before it is revoked only where it was used, and always for a reason', async () => {
      const used = await keyCalled('used "key"')
      await call(used.token, 'forecast')
      await gateway.mark()
      const { page } = await tab()
      await page.goto(`${home}/keys/${used.id}`)
      await press(page, 'Revoke')
      await dialog(page).getByText('1 call came with it in the last 24 hours.').waitFor()
      await dialog(page).getByRole('textbox', { name: 'Why' }).fill('leaked')
      const confirm = dialog(page).getByRole('button', { name: 'Revoke key' })
      expect(await confirm.isDisabled()).toBe(true)
      await dialog(page).getByRole('textbox', { name: /^Type/ }).fill('used "key"')
      await confirm.click()
      await expect.poll(async () => (await shown(used.id))['revokedReason']).toBe('leaked')
      await expect.poll(async () => (await call(used.token, 'forecast')).status).toBe(401)

      const unused = await keyCalled('unused')
      await page.goto(`${home}/keys/${unused.id}`)
      await press(page, 'Revoke')
      await dialog(page).getByText('Nothing called with it').waitFor()
      expect(await dialog(page).getByRole('textbox').count()).toBe(1)
      expect(await confirm.isDisabled()).toBe(true)
    })

    it('show what somebody else changed meanwhile, and save mine without taking theirs back', async () => {
      const { id } = await keyCalled('before')
      const { page } = await tab()
      await page.goto(`${home}/keys/${id}`)
      await press(page, 'Rename')
      await dialog(page).getByRole('textbox', { name: 'Name' }).fill('mine')
      const { headers } = await visitor.send('GET', `/api/v1/keys/${id}`)
      await visitor.send('PATCH', `/api/v1/keys/${id}`, {
        json: { name: 'theirs', tools: ['forecast_*'] },
        headers: { 'if-match': headers.get('etag') ?? '' },
      })
      await press(dialog(page), 'Rename')
      const meanwhile = dialog(page).getByRole('alert').filter({ hasText: 'was changed while' })
      await meanwhile.getByText('theirs').waitFor()
      expect(await dialog(page).getByRole('textbox', { name: 'Name' }).inputValue()).toBe('mine')
      await press(meanwhile, 'Save mine over it')
      await expect.poll(() => shown(id)).toMatchObject({ name: 'mine', tools: ['forecast_*'] })
    })

    it('change what a key may do, twice in a row, and never take "only these" with nothing for all', async () => {
      const { id, token } = await keyCalled('limited')
      const { page } = await tab()
      await page.goto(`${home}/keys/${id}/access`)
      await page
        .getByRole('radio', { name: /^Only these/ })
        .first()
        .check()
      await press(page, 'Save access')
      await page.getByText('Name at least one').waitFor()
      expect((await shown(id))['tools']).toEqual([])
      await page.getByRole('textbox', { name: 'Add patterns' }).fill('forecast')
      await page.keyboard.press('Enter')
      await press(page, 'Save access')
      await expect.poll(async () => (await shown(id))['tools']).toEqual(['forecast'])
      await page.getByRole('textbox', { name: 'Add patterns' }).fill('!forecast_secret')
      await page.keyboard.press('Enter')
      await press(page, 'Save access')
      await expect.poll(async () => (await shown(id))['tools']).toEqual(['forecast', '!forecast_secret'])
      expect(await (await call(token, 'delete_all')).text()).toContain('40301')
    })

    it('show calls as they come, hold them still, filter them by reason, and export what is filtered', async () => {
      const { page } = await tab()
      const { token } = await keyCalled('live')
      await page.goto(`${home}/trail`)
      await press(page, 'Go live')
      await page.getByText('Live: new calls').waitFor()
      await call(token, 'tool_seen_live')
      await page.getByText('tool_seen_live').first().waitFor()
      await press(page, 'Pause')
      await call(token, 'tool_while_paused', '=cmd()')
      await page.getByRole('button', { name: 'Resume (1 new)' }).waitFor()
      expect(await page.getByText('tool_while_paused').count()).toBe(0)
      await page.getByRole('button', { name: /^Resume/ }).click()
      await page.getByText('tool_while_paused').first().waitFor()

      await call(`pst_${'x'.repeat(49)}`, 'denied')
      await gateway.mark()
      await page.getByRole('combobox', { name: 'Reason' }).fill('malformed_key')
      await page.waitForURL(/reason=malformed_key/)
      await expect.poll(() => page.getByText('tool_seen_live').count()).toBe(0)
      await press(page, 'Export')
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'JSON Lines' }).click(),
      ])
      const lines = readFileSync(await file.path(), 'utf8')
        .trimEnd()
        .split('\n')
      expect(new Set(lines.map((line) => (JSON.parse(line) as { reason: string }).reason))).toEqual(
        new Set(['malformed_key']),
      )
    })

    it('show what strangers wrote as text, with what would hide or turn it written out', async () => {
      const { token } = await keyCalled('strange')
      expect((await call(token, `${hostile}\u202egnp\u200b`)).status).toBe(200)
      await gateway.mark()
      const { page } = await tab()
      await page.goto(`${home}/trail`)
      await page.getByText('\\u{202e}').first().waitFor()
      expect(await page.locator('main :is(script, iframe, img, object, style, [onerror])').count()).toBe(0)
      expect(await page.evaluate('document.body.innerText')).not.toMatch(/[\u202e\u200b]/)
    })

    it('create, edit, disable and enable a service user, and say what is wrong beside the field', async () => {
      const { page } = await tab()
      await page.goto(`${home}/service-users`)
      await press(page, 'New service user')
      await dialog(page).getByRole('textbox', { name: 'Name' }).fill(hostile)
      await dialog(page).getByRole('textbox', { name: 'Owner', exact: true }).fill('nobody')
      await press(dialog(page), 'Create service user')
      await dialog(page).getByText('must be one e-mail address').waitFor()
      await dialog(page).getByRole('textbox', { name: 'Owner', exact: true }).fill('team@example.com')
      await press(dialog(page), 'Create service user')
      await page.waitForURL(/service-users\/[0-9a-f-]{36}$/)
      await expect.poll(() => page.title()).toContain(hostile)
      await press(page, 'Edit')
      await dialog(page).getByRole('textbox', { name: 'Customer' }).fill('ACME')
      await press(dialog(page), 'Save')
      await page.locator('main').getByText('ACME', { exact: true }).waitFor()
      await press(page, 'Disable')
      await dialog(page).getByText('It has no key that works.').waitFor()
      await dialog(page).getByRole('textbox', { name: 'Why' }).fill('customer left')
      await press(dialog(page), 'Disable')
      await page.getByText('“customer left”').waitFor()
      await press(page, 'Enable')
      await press(dialog(page), 'Enable')
      await page.getByRole('button', { name: 'Disable' }).waitFor()
    })

    it('acknowledge a notice, and offer an auditor nothing to change', async () => {
      const { id } = await keyCalled('told of')
      const { page } = await tab()
      await page.goto(`${home}/notices`)
      const mine = page.getByRole('listitem').filter({ hasText: 'told of' })
      await mine.getByRole('button', { name: /^Acknowledge/ }).click()
      await expect.poll(() => mine.count()).toBe(0)
      await page.getByRole('radio', { name: 'All' }).check()
      await mine.getByText(/^Acknowledged/).waitFor()

      const auditor = await openInvited(gateway, visitor, 'auditor@example.com', 'auditor')
      const { page: theirs } = await tab({}, auditor)
      for (const path of [`/keys/${id}`, `/keys/${id}/access`, '/service-users', '/notices?show=all']) {
        await theirs.goto(home + path)
        await theirs.waitForLoadState('networkidle')
        await theirs.getByRole('heading', { level: 1 }).waitFor()
        const names = await theirs.getByRole('main').getByRole('button').allTextContents()
        expect(
          names.filter((name) => /rotate|revoke|rename|save|new|disable|acknowledge/i.test(name)),
          path,
        ).toEqual([])
      }
    })

    it('have no finding of axe-core and no overflow, narrow and wide, light and dark', async () => {
      const long = 'a-name-without-any-blank-that-goes-on-'.repeat(4).slice(0, 99)
      const { id, token } = await keyCalled(long)
      await call(token, 'forecast')
      await call(token, `tool_${'x'.repeat(90)}`)
      await gateway.mark()
      const { key } = await gateway.postern.keys.rotate(id, {}, 'the test')
      const user = key.user.id
      const paths = [
        ...['', '/tools', '/trail', '/access', '/history'].map((tab) => `/keys/${id}${tab}`),
        ...['/service-users', `/service-users/${user}`, '/trail', '/notices?show=all', '/keys/none'],
      ]
      for (const colorScheme of ['light', 'dark'] as const)
        for (const width of [380, 1600]) {
          const { page } = await tab({ colorScheme, viewport: { width, height: 900 } })
          const check = async (what: string) => {
            await page.waitForTimeout(300)
            expect(await violationsOf(page), `${what}, ${colorScheme}, ${width}`).toEqual([])
            expect(await overflowOf(page), `${what}, ${width}`).toBeLessThanOrEqual(0)
          }
          for (const path of paths) {
            await page.goto(home + path)
            await page.waitForLoadState('networkidle')
            await check(path)
          }
          // Once in each theme and at each width is enough for the dialogs.
          if ((colorScheme === 'light') !== (width === 380)) continue
          await page.goto(`${home}/keys/${key.key.id}`)
          for (const name of ['Rotate', 'Rename', 'Revoke', 'End now', 'Extend', 'Undo']) {
            await press(page, name)
            await dialog(page).waitFor()
            await check(name)
            await page.keyboard.press('Escape')
            await expect.poll(() => dialog(page).count()).toBe(0)
          }
          await page.goto(`${home}/trail`)
          await page.locator('.row-link').first().click()
          await dialog(page).waitFor()
          await check('a call')
        }
    })
  },
)

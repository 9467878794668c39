import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { KeysRefused } from '../../src/keys/refused.ts'
import { bearer, callOf, mcpHeaders, openGateway, type TestGateway } from '../e2e/gateway.ts'
import { startUpstream, type Upstream } from '../e2e/upstream.ts'
import { openAdministrator, type Visitor } from '../e2e/visitor.ts'
import { chromiumPath, openBrowser, openTab, overflowOf, violationsOf, type Tab } from './browser.ts'

const corpus = join(import.meta.dirname, '../../../shared/corpora/naughty-strings.json')

describe.skipIf(chromiumPath === null)(
  'the keys of the page, in Chromium (skipped where it is not there)',
  // A browser on a machine that does other things as well.
  { timeout: 120_000 },
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

    async function tab(options: Parameters<typeof openTab>[3] = {}): Promise<Tab> {
      const opened = await openTab(browser, gateway.adminUrl, visitor, options)
      open.push(opened)
      return opened
    }

    async function fill(page: Page, name: string): Promise<void> {
      await page.goto(`${home}/new`)
      await page.getByRole('combobox', { name: 'Service user' }).click()
      await page.getByRole('option', { name: /^agent/ }).click()
      await page.getByLabel('Name of the key').fill(name)
    }
    const create = (page: Page) => page.getByRole('button', { name: 'Create key' }).click()
    const tokenOn = async (page: Page) =>
      (await page.getByRole('textbox', { name: 'Token', exact: true }).textContent()) ?? ''
    const call = (token: string, tool: string) =>
      fetch(`${gateway.url}/mcp`, {
        method: 'POST',
        headers: { ...mcpHeaders, ...bearer({ token }) },
        body: callOf(tool),
      })
    /** All that could keep a text: document, address, title, storages, cookies. */
    const kept = (page: Page): Promise<string> =>
      page.evaluate(
        'JSON.stringify([document.documentElement.outerHTML, [...document.querySelectorAll("input")].map((each) => each.value), location.href, document.title, { ...localStorage }, { ...sessionStorage }, history.state, document.cookie])',
      )

    it('show a token once: then neither document, address, storage nor any answer has it, and the first call is seen live', async () => {
      const { page, answers } = await tab()
      await fill(page, 'laptop')
      await create(page)
      const token = await tokenOn(page)
      expect(token).toMatch(/^pst_[0-9A-Za-z]{49}$/)
      const secret = token.slice(8)
      const withSecret = () => answers.filter(({ text }) => text.includes(secret)).map(({ path }) => path)
      await expect.poll(withSecret).toEqual(['POST /admin/api-keys/api/v1/keys'])
      expect(await page.evaluate('document.activeElement.tagName')).toBe('H1')
      await page.getByRole('button', { name: 'Copy token' }).click()
      await page.getByText('Token copied').waitFor({ state: 'attached' })
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(token)
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Download .env' }).click(),
      ])
      expect(readFileSync(await file.path(), 'utf8')).toContain(`\nPOSTERN_KEY=${token}\n`)

      expect((await call(token, 'forecast')).status).toBe(200)
      await page.locator('[data-first-call="came"]').waitFor()
      expect(await page.locator('[data-first-call="came"]').textContent()).toContain('forecast')

      answers.length = 0
      await page.reload()
      await page.getByRole('button', { name: 'Create key' }).waitFor()
      expect(await kept(page)).not.toContain(secret)
      for (const path of ['/', '/trail', '/notices', '/service-users', '/settings']) {
        await page.goto(home + path)
        await page.getByRole('heading', { level: 1 }).waitFor()
        await page.waitForLoadState('networkidle').catch(() => {})
        expect(await kept(page), path).not.toContain(secret)
      }
      expect(answers.length).toBeGreaterThan(4)
      expect(withSecret()).toEqual([])
    })

    it('ask before the token is left by a link or by Back, and go on from there', async () => {
      const { page } = await tab()
      await page.goto(`${home}/`)
      await page.getByRole('link', { name: 'New key' }).click()
      await page.getByRole('combobox', { name: 'Service user' }).click()
      await page.getByRole('option', { name: /^agent/ }).click()
      await create(page)
      const token = await tokenOn(page)
      await page.getByRole('link', { name: 'Notices' }).click()
      await page.getByRole('button', { name: 'Stay here' }).click()
      expect(await tokenOn(page)).toBe(token)
      await page.goBack()
      const asked = page.getByRole('alertdialog')
      await asked.getByRole('button', { name: 'I have stored it' }).click()
      await page.getByRole('heading', { level: 1, name: 'Keys' }).waitFor()
      expect(await kept(page)).not.toContain(token.slice(8))
    })

    it('show a refused first call with its reason, and turn green for the next one', async () => {
      const { page } = await tab()
      await fill(page, 'limited')
      await page.getByRole('radio', { name: /^Only these/ }).check()
      await page.getByRole('textbox', { name: 'Add patterns' }).fill('forecast_**')
      await create(page)
      await page.getByRole('alert').getByText('“forecast_**” says * twice').waitFor()
      await page.getByRole('button', { name: 'Remove forecast_**' }).click()
      await page.getByRole('textbox', { name: 'Add patterns' }).fill('forecast_*')
      await page.keyboard.press('Enter')
      expect(await page.getByText('It may call only tools named forecast_*, from any address.').count()).toBe(
        1,
      )
      await create(page)
      const token = await tokenOn(page)
      await call(token, 'delete_all')
      await page.locator('[data-first-call="refused"]').getByText('tool not granted').waitFor()
      await call(token, 'forecast_budget')
      await page.locator('[data-first-call="came"]').waitFor()
    })

    it('make one key where the answer was lost and the request repeated, and say that its secret is lost', async () => {
      const { page } = await tab()
      await fill(page, 'lost once')
      await page.route(
        '**/api/v1/keys',
        async (route) => {
          await route.fetch()
          await route.abort()
        },
        { times: 1 },
      )
      await create(page)
      await page.getByText('makes no second one').waitFor()
      expect(await page.getByLabel('Name of the key').inputValue()).toBe('lost once')
      await create(page)
      await page.getByText('was made by your first attempt').waitFor()
      const { json } = await visitor.send('GET', '/api/v1/keys?search=lost%20once')
      expect(json['data']).toHaveLength(1)
      await page.getByRole('button', { name: 'Make a new token' }).click()
      expect((await call(await tokenOn(page), 'x')).status).toBe(200)
    })

    it('keep search, filters and sorting in the address, and never a token that was pasted', async () => {
      const { page } = await tab()
      const { token } = await gateway.issueKey()
      await page.goto(`${home}/`)
      const search = page.getByRole('searchbox', { name: 'Search keys' })
      await search.fill(`found in a log: ${token}`)
      await page.waitForURL(/search=/)
      expect(page.url()).not.toContain(token.slice(8))
      await search.fill(token)
      await page.waitForURL((url) => url.searchParams.get('search') === token.slice(0, 8))
      await expect.poll(() => page.locator('.row-link').count()).toBeGreaterThan(0)
      const heading = page.getByRole('columnheader', { name: 'Key' })
      await heading.getByRole('button').press('Enter')
      await page.waitForURL(/sort=name/)
      expect(await heading.getAttribute('aria-sort')).toBe('ascending')
      await page.getByRole('radio', { name: 'Ended' }).check()
      await page.getByText('No key fits').waitFor()
      await page.reload()
      await page.getByText('No key fits').waitFor()
      expect(await search.inputValue()).toBe(token.slice(0, 8))
      await page.goBack()
      await page.locator('.row-link').first().waitFor()
    })

    it('have no finding of axe-core and no overflow, narrow and wide, light and dark', async () => {
      for (const colorScheme of ['light', 'dark'] as const)
        for (const width of [380, 1600]) {
          const { page } = await tab({ colorScheme, viewport: { width, height: 900 } })
          const check = async (what: string) => {
            await page.waitForTimeout(250)
            expect(await violationsOf(page), `${what}, ${colorScheme}, ${width}`).toEqual([])
            expect(await overflowOf(page), `${what}, ${width}`).toBeLessThanOrEqual(0)
          }
          await page.goto(`${home}/`)
          await page.locator('.row-link').first().waitFor()
          await check('list')
          await page.getByRole('button', { name: /^Filter/ }).click()
          await check('filters')
          await page.goto(`${home}/?search=nothing-is-called-so`)
          await page.getByText('No key fits').waitFor()
          await check('nothing found')
          await fill(page, 'for axe')
          await page.getByRole('combobox', { name: 'Service user' }).click()
          await check('service users')
          await page.keyboard.press('Escape')
          await page.getByRole('radio', { name: /^Only these/ }).check()
          await page.getByRole('radio', { name: 'On a day…' }).check()
          await create(page)
          await page.getByRole('alert').waitFor()
          await check('refused')
          await page.getByRole('radio', { name: /^All tools/ }).check()
          await page.getByRole('button', { name: 'New service user' }).click()
          await check('new service user')
          await page.keyboard.press('Escape')
          await create(page)
          await tokenOn(page)
          await check('token')
        }
    })

    it.skipIf(!existsSync(corpus))(
      'show every naughty name of ../shared/corpora as plain text (skipped where they are not there)',
      async () => {
        const strings = JSON.parse(readFileSync(corpus, 'utf8')) as string[]
        let taken = 0
        for (const [place, name] of strings.entries()) {
          try {
            const user =
              place % 40 === 0
                ? await gateway.postern.keys.createServiceUser(
                    { name, owner: 'team@example.com' },
                    'the test',
                  )
                : { id: 'agent' }
            await gateway.postern.keys.issue({ serviceUser: user.id, name }, 'the test')
            taken++
          } catch (error) {
            if (!(error instanceof KeysRefused)) throw error
          }
        }
        expect(taken).toBeGreaterThan(10)
        for (const width of [380, 1600]) {
          const { page } = await tab({ viewport: { width, height: 900 } })
          await page.goto(`${home}/`)
          await expect
            .poll(async () => {
              await page.mouse.wheel(0, 100_000)
              return await page.getByText(/^\d+ keys$/).count()
            })
            .toBe(1)
          expect(await page.locator('main :is(script, iframe, img, object, style, [onerror])').count()).toBe(
            0,
          )
          expect(await overflowOf(page)).toBeLessThanOrEqual(0)
        }
      },
    )
  },
)

import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { administrator, password } from '../e2e/visitor.ts'
import { chromiumPath, openBrowser } from '../ui/browser.ts'
import { openStandalone, patiently, tokenOn, type Standalone } from './standalone.ts'

/** More than there is to tab through on any view. */
const enough = 60

describe.skipIf(chromiumPath === null)(
  'the page without a mouse, in Chromium (skipped where it is not there)',
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

    /** Goes on by Tab alone, and sees that it is visible where one is. */
    async function tabTo(page: Page, target: Locator): Promise<void> {
      await target.waitFor({ state: 'attached' })
      for (let tabs = 0; tabs < enough; tabs++) {
        await page.keyboard.press('Tab')
        expect(await page.evaluate(focusShown)).toBe('seen')
        if (await target.evaluate((each) => each === each.ownerDocument.activeElement)) return
      }
      throw new Error(`nothing leads to ${String(target)}`)
    }
    const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

    it('makes a key, from the sign-in to its token', async () => {
      const { page } = await server.tab()
      const { keyboard } = page
      await page.goto(`${server.home}/sign-in`)
      await tabTo(page, page.getByLabel('E-mail address'))
      await keyboard.type(administrator)
      await tabTo(page, page.getByLabel('Password'))
      await keyboard.type(password)
      await keyboard.press('Enter')

      await tabTo(page, page.getByRole('link', { name: 'New key' }))
      await keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name: 'New key' }).waitFor()
      // Whoever cannot see the page hears where they are.
      expect(await page.evaluate('document.activeElement.textContent')).toBe('New key')
      await tabTo(page, page.getByRole('combobox', { name: 'Service user' }))
      await keyboard.press('Enter')
      await page.getByRole('option', { name: /^demo-agent/ }).waitFor()
      await keyboard.type('demo')
      await page.locator('[role=option][data-highlighted]').filter({ hasText: 'demo-agent' }).waitFor()
      await keyboard.press('Enter')
      await expect
        .poll(() => page.getByRole('combobox', { name: 'Service user' }).textContent())
        .toContain('demo-agent')
      await tabTo(page, page.getByLabel('Name of the key'))
      await keyboard.type('made by hand')
      await tabTo(page, page.locator('input[type=radio]:checked').first())
      await keyboard.press('ArrowLeft')
      await tabTo(page, page.getByRole('radio', { name: /^All tools/ }))
      await keyboard.press('ArrowDown')
      await tabTo(page, page.getByRole('textbox', { name: 'Add patterns' }))
      await keyboard.type('forecast_*')
      await keyboard.press('Enter')
      await tabTo(page, button(page, 'Create key'))
      await keyboard.press('Enter')

      const token = await tokenOn(page)
      expect(token).toMatch(/^pst_/)
      await tabTo(page, button(page, 'Copy token'))
      await keyboard.press('Enter')
      await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe(token)
      expect(await server.call(token, 'forecast_revenue')).toMatchObject({ isError: false })
      await tabTo(page, button(page, 'I have stored it'))
      await keyboard.press('Enter')
      await page.waitForURL(/\/keys\/[0-9a-f-]{36}$/)
      await page.getByRole('heading', { level: 1, name: /made by hand/ }).waitFor()

      // A dialog takes the focus, keeps it in, and gives it back.
      await tabTo(page, button(page, 'Revoke'))
      await keyboard.press('Enter')
      await page.getByRole('alertdialog').waitFor()
      for (let tabs = 0; tabs < 12; tabs++) {
        await keyboard.press('Tab')
        await expect
          .poll(() => page.evaluate('document.activeElement.closest("[role=alertdialog]") !== null'))
          .toBe(true)
      }
      await keyboard.press('Escape')
      await expect.poll(() => page.getByRole('alertdialog').count()).toBe(0)
      await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Revoke')
    })

    it('skips to the content, and opens and leaves the menu of a narrow window', async () => {
      const { page } = await server.tab(await server.ada(), { viewport: { width: 380, height: 800 } })
      await page.goto(`${server.home}/`)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.keyboard.press('Tab')
      expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content')
      await page.keyboard.press('Enter')
      expect(await page.evaluate('document.activeElement.id')).toBe('main')
      await page.reload()
      await tabTo(page, button(page, 'Open the menu'))
      await page.keyboard.press('Enter')
      await tabTo(page, page.getByRole('link', { name: 'Trail' }))
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name: 'Trail' }).waitFor()
      await expect.poll(() => page.getByRole('dialog').count()).toBe(0)
    })
  },
)

/** Whether what has the focus shows it: itself, or the label that stands for it. */
const focusShown = `(() => {
  const focused = document.activeElement
  if (focused === document.body) return 'seen'
  const shows = (each) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(each)
    return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none'
  }
  const label = focused.closest('label')
  return shows(focused) || (label !== null && shows(label)) ? 'seen' : 'hidden: ' + focused.outerHTML.slice(0, 200)
})()`

import { rm } from 'node:fs/promises'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import { bearer } from '../e2e/gateway.ts'
import { openClient, type ToolResult } from '../e2e/clients.ts'
import { makePlace, startServer, type Ready } from '../e2e/server.ts'
import { administrator, openVisitor, password, tokenOf, type Visitor } from '../e2e/visitor.ts'
import type { Settings } from '../../src/config.ts'
import { openTab, type Tab } from '../ui/browser.ts'

/** The built `postern serve --demo` in a process of its own, as somebody has just started it. */
export interface Standalone {
  ready: Ready
  /** The page's address, without a trailing slash. */
  home: string
  /** Makes Ada the administrator where there is none yet, and answers her session as HTTP shows it. */
  ada(): Promise<Visitor>
  /** A tab; of somebody who is signed in where a visitor is given. */
  tab(who?: Visitor | null, options?: BrowserContextOptions): Promise<Tab>
  /** Closes all tabs, in which nothing may have gone wrong. */
  closeTabs(): Promise<void>
  /** A real MCP client's call of a tool, with a key's token. */
  call(token: string, tool?: string): Promise<ToolResult>
  close(): Promise<void>
}

export async function openStandalone(
  browser: Browser,
  settings: Settings | null = null,
): Promise<Standalone> {
  const { cwd } = await makePlace(settings)
  const server = await startServer(cwd, ['--demo'])
  const { ready } = server
  const home = `${ready.adminUrl}/admin/api-keys`
  const tabs: Tab[] = []
  let first: Promise<Visitor> | null = null

  async function setUp(): Promise<Visitor> {
    const visitor = await openVisitor(ready)
    const entry = { email: administrator, name: 'Ada', password }
    const token = tokenOf(ready.setupUrl ?? '')
    const answered = await visitor.send('POST', '/api/setup', { json: { token, ...entry } })
    if (answered.status !== 200) throw new Error(answered.text)
    return visitor
  }

  return {
    ready,
    home,
    ada: () => (first ??= setUp()),
    async tab(who = null, options = {}) {
      const tab = await openTab(browser, ready.adminUrl, who ?? (await openVisitor(ready)), options)
      // The machine may be doing other things as well.
      tab.page.setDefaultTimeout(60_000)
      tabs.push(tab)
      return tab
    },
    async closeTabs() {
      for (const { faults, close } of tabs.splice(0)) {
        await close()
        expect(faults).toEqual([])
      }
    },
    async call(token, tool = 'list_channels') {
      const client = await openClient('v2-auto', ready.mcpUrl ?? '', bearer({ token }))
      try {
        return await client.callTool(tool)
      } finally {
        await client.close()
      }
    },
    async close() {
      await server.end('SIGTERM')
      await rm(cwd, { recursive: true, force: true })
    },
  }
}

/** For tests that drive a browser: whoever runs them may have the machine do other things. */
export const patiently = { timeout: 600_000 }

export const press = (where: Page | Locator, name: string | RegExp): Promise<void> =>
  where.getByRole('button', { name, exact: true }).click()

/** The dialog that is open. */
export const dialogOf = (page: Page): Locator => page.getByRole('dialog').or(page.getByRole('alertdialog'))

/** Whom the form on `/new` makes the key for. */
export async function chooseUser(page: Page, name: string): Promise<void> {
  await page.getByRole('combobox', { name: 'Service user' }).click()
  await page.getByRole('option', { name: new RegExp(`^${name}`) }).click()
}

export async function tokenOn(page: Page): Promise<string> {
  const shown = await page.getByRole('textbox', { name: 'Token', exact: true }).textContent()
  return shown ?? ''
}

/** Signs in by the form that is in sight, on a page of its own or in a dialog. */
export async function signInOn(where: Page | Locator, email: string | null): Promise<void> {
  if (email !== null) await where.getByLabel('E-mail address').fill(email)
  await where.getByLabel('Password').fill(password)
  await press(where, 'Sign in')
}

/** All in which a browser could have kept a text: the document, its fields, the address, storages, databases, caches. */
export async function keptBy(page: Page): Promise<string> {
  const inside: unknown = await page.evaluate(`(async () => JSON.stringify([
    document.documentElement.outerHTML,
    [...document.querySelectorAll('input, textarea')].map((each) => each.value),
    location.href, document.title, history.state, document.cookie,
    { ...localStorage }, { ...sessionStorage },
    await indexedDB.databases(), await caches.keys(), window.name,
  ]))()`)
  return `${String(inside)}${JSON.stringify(await page.context().storageState({ indexedDB: true }))}`
}

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { spawnSync } from 'node:child_process'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import type { Visitor } from '../e2e/visitor.ts'

/** Debian's Chromium; null where there is none, and the tests that need it are skipped. */
export const chromiumPath: string | null =
  spawnSync('sh', ['-c', 'command -v chromium || command -v chromium-browser'], {
    encoding: 'utf8',
  }).stdout.trim() || null

/** A tab with the page, of somebody who is signed in. */
export interface Tab {
  page: Page
  /** What went wrong in it: errors that were thrown, what the policy refused, dialogs that a name opened. */
  faults: string[]
  /** The bodies of all answers of the API so far, each with its path. */
  answers: { path: string; text: string }[]
  close(): Promise<void>
}

export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: chromiumPath ?? '',
    args: ['--no-sandbox', '--disable-quic', '--disable-background-networking'],
  })
}

export async function openTab(
  browser: Browser,
  adminUrl: string,
  visitor: Visitor,
  options: BrowserContextOptions = {},
): Promise<Tab> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  })
  await context.addCookies([...visitor.cookies].map(([name, value]) => ({ name, value, url: adminUrl })))
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const faults: string[] = []
  const answers: Tab['answers'] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    // What the browser itself says of answers that were refused, or cut off by a test.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      faults.push(message.text())
  })
  page.on('dialog', (dialog) => {
    if (dialog.type() !== 'beforeunload') faults.push(`dialog: ${dialog.message()}`)
    void dialog.accept()
  })
  page.on('response', (response) => {
    const { pathname } = new URL(response.url())
    if (!pathname.includes('/api/') || response.headers()['content-type'] === 'text/event-stream') return
    response.text().then(
      (text) => answers.push({ path: `${response.request().method()} ${pathname}`, text }),
      () => {},
    )
  })
  return { page, faults, answers, close: () => context.close() }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe-core finds against WCAG 2.2 AA and its own good practice. In a world of its own, beside the page's policy. */
export async function violationsOf(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page)
  const { frameTree } = await session.send('Page.getFrameTree')
  const { executionContextId: contextId } = await session.send('Page.createIsolatedWorld', {
    frameId: frameTree.frame.id,
  })
  await session.send('Runtime.evaluate', { contextId, expression: axe })
  const { result } = await session.send('Runtime.evaluate', {
    contextId,
    awaitPromise: true,
    returnByValue: true,
    expression: `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
      .then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html.slice(0, 200))))`,
  })
  await session.detach()
  const found: unknown = result.value
  if (!Array.isArray(found)) throw new Error('axe did not run')
  return found.map(String)
}

/** By how many pixels the page is wider than its window. */
export async function overflowOf(page: Page): Promise<number> {
  return await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')
}

// @ts-nocheck: a plain program around what the build hands over untyped.
// npm run shots: photographs every view of the page, narrow and wide, light and dark, into shots/, to be looked at.
// A gateway of its own runs with made-up keys and a month of calls. `npm run shots -- keys token` takes only those.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { openScene, password } from './shots-scene.mjs'

const folder = join(import.meta.dirname, '../../shots')
const wanted = process.argv.slice(2)
const sizes = [380, 1600]
const themes = ['light', 'dark']

const place = mkdtempSync(join(tmpdir(), 'postern-shots-'))
const browser = await chromium.launch({
  executablePath: execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim(),
  args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--no-first-run'],
})
const scene = await openScene(place)
try {
  mkdirSync(folder, { recursive: true })
  const { setupUrl } = scene
  await each([['setup', async (page) => void (await page.goto(setupUrl))]], null)
  await each([['setup-needed', (page) => page.goto(`${scene.home}/`)]], null)
  await scene.setUp()
  await each([['keys-empty', (page) => page.goto(`${scene.home}/`)]], await scene.signIn())
  const made = await scene.fill()
  await each(strangers(made), null)
  await each(views(made), await scene.signIn())
} finally {
  await browser.close()
  await scene.close()
  rmSync(place, { recursive: true, force: true })
}

/** Each view, at each width and in each theme; `cookies` of who is signed in. */
async function each(shots, cookies) {
  const those = shots.filter(([name]) => wanted.length === 0 || wanted.some((part) => name.startsWith(part)))
  for (const width of sizes)
    for (const colorScheme of themes) {
      const viewport = { width, height: width < 600 ? 820 : 1000 }
      const context = await browser.newContext({ colorScheme, viewport, reducedMotion: 'reduce' })
      if (cookies !== null) await context.addCookies(cookies)
      for (const [name, open] of those) {
        const page = await context.newPage()
        page.setDefaultTimeout(30_000)
        page.on('dialog', (dialog) => void dialog.accept())
        try {
          const isWaiting = await open(page)
          if (isWaiting !== 'loading')
            await page.waitForLoadState('networkidle', { timeout: 5000 }).catch(() => {})
          await page.evaluate('document.fonts.ready.then(() => 0)')
          const file = join(folder, `${name}-${width}-${colorScheme}.png`)
          // What lies over the page stays with the window.
          const fullPage = (await page.getByRole('dialog').or(page.getByRole('alertdialog')).count()) === 0
          await page.screenshot({ path: file, fullPage, animations: 'disabled' })
          const over = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
          if (over > 0) console.log(`${name} is ${over} px wider than ${width} px`)
        } catch (error) {
          console.log(`${name}, ${width} px, ${colorScheme}: ${error.message}`)
        }
        await page.close()
      }
      await context.close()
    }
}

/** What those see who are not signed in. */
function strangers({ invitationUrl }) {
  return [
    ['sign-in', (page) => page.goto(`${scene.home}/sign-in`)],
    [
      'sign-in-refused',
      async (page) => {
        await page.goto(`${scene.home}/sign-in`)
        await page.getByLabel('E-mail address').fill('ada@example.com')
        await page.getByLabel('Password').fill(`not ${password}`)
        await page.getByRole('button', { name: 'Sign in', exact: true }).click()
        await page.getByRole('alert').first().waitFor()
      },
    ],
    ['invitation', (page) => page.goto(invitationUrl)],
  ]
}

function views({ key, old, user }) {
  const at = (path) => (page) => page.goto(scene.home + path)
  const pressed =
    (path, ...names) =>
    async (page) => {
      await page.goto(scene.home + path)
      for (const name of names) await page.getByRole('button', { name }).first().click()
      await page.waitForTimeout(400)
    }
  const newKey = async (page) => {
    await page.goto(`${scene.home}/new`)
    await page.getByRole('combobox', { name: 'Service user' }).click()
    await page.getByRole('option', { name: /^budget-agent/ }).click()
  }
  const failing = (path, status) => async (page) => {
    await page.route(/\/api\/v1\/(keys|service-users|audit|notices|people|settings)/, (route) =>
      status === null
        ? undefined
        : route.fulfill({
            status,
            contentType: 'application/problem+json',
            body: `{"status":${status},"code":"store_unavailable"}`,
          }),
    )
    await page.goto(scene.home + path)
    await page.waitForTimeout(status === null ? 600 : 6000)
    return 'loading'
  }
  return [
    ['keys', at('/')],
    ['keys-filter', pressed('/', /^Filter/)],
    ['keys-none', at('/?search=nothing-is-called-so')],
    ['keys-loading', failing('/', null)],
    ['keys-failed', failing('/', 503)],
    ['new', at('/new')],
    ['new-refused', pressed('/new', 'Create key')],
    ['new-user', pressed('/new', /New service user/)],
    [
      'new-limited',
      async (page) => {
        await newKey(page)
        await page
          .getByRole('radio', { name: /^Only these/ })
          .first()
          .check()
        await page.getByRole('textbox', { name: 'Add patterns' }).fill('forecast_*')
        await page.keyboard.press('Enter')
        await page.getByRole('radio', { name: 'On a day…' }).check()
      },
    ],
    [
      'token',
      async (page) => {
        await newKey(page)
        await page.getByRole('button', { name: 'Create key' }).click()
        await page.locator('[data-first-call="waiting"]').waitFor()
      },
    ],
    [
      'token-green',
      async (page) => {
        await newKey(page)
        await page.getByRole('button', { name: 'Create key' }).click()
        const token = await page.getByRole('textbox', { name: 'Token', exact: true }).textContent()
        await page.locator('[data-first-call="waiting"]').waitFor()
        await scene.call(token, 'list_channels')
        await page.locator('[data-first-call="came"]').waitFor()
      },
    ],
    ...['usage', 'tools', 'trail', 'access', 'history'].map((tab) => [
      `key-${tab}`,
      at(`/keys/${key}/${tab}`),
    ]),
    ['key-rotated', at(`/keys/${old}`)],
    ['key-none', at('/keys/none')],
    ['key-failed', failing(`/keys/${key}`, 503)],
    ['key-rotate', pressed(`/keys/${key}`, 'Rotate')],
    ['key-revoke', pressed(`/keys/${key}`, 'Revoke')],
    ['key-rename', pressed(`/keys/${key}`, 'Rename')],
    ['service-users', at('/service-users')],
    ['service-user', at(`/service-users/${user}`)],
    ['service-user-edit', pressed(`/service-users/${user}`, 'Edit')],
    ['trail', at('/trail')],
    [
      'trail-call',
      async (page) => {
        await page.goto(`${scene.home}/trail`)
        await page.locator('.row-link').first().click()
        await page.getByRole('dialog').waitFor()
      },
    ],
    ['trail-loading', failing('/trail', null)],
    ['notices', at('/notices')],
    ['notices-all', at('/notices?show=all')],
    ['people', at('/people')],
    ['people-invite', pressed('/people', /^Invite/)],
    ['settings', at('/settings')],
    ['not-found', at('/nowhere')],
    [
      'menu',
      async (page) => {
        await page.goto(`${scene.home}/`)
        const menu = page.getByRole('button', { name: 'Open the menu' })
        if (await menu.isVisible()) await menu.click()
        await page.waitForTimeout(400)
      },
    ],
    [
      'signed-out',
      async (page) => {
        await newKey(page)
        await page.route(/\/api\/v1\//, (route) =>
          route.fulfill({
            status: 401,
            contentType: 'application/problem+json',
            body: '{"status":401,"code":"sign_in_required"}',
          }),
        )
        await page.getByRole('button', { name: 'Create key' }).click()
        await page.getByRole('dialog').waitFor()
        await page.waitForTimeout(400)
      },
    ],
  ]
}

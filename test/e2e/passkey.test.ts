import { existsSync } from 'node:fs'
import { type Browser, type CDPSession, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openGateway, type TestGateway } from './gateway.ts'
import { administrator, openAdministrator, password } from './visitor.ts'

const executablePath = '/usr/bin/chromium'

/** Runs in the browser: the page's own code has its tests elsewhere. */
const inBrowser = `
  const base = '/admin/api-keys/api/auth'
  const get = async (path) => (await fetch(base + path)).json()
  const post = (path, body) => fetch(base + path, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  })
  const me = async () => (await fetch('/admin/api-keys/api/v1/me')).json()
  const outcome = async (response) => response.ok ? 'ok' : (await response.json()).code
`

describe.skipIf(!existsSync(executablePath))('passkeys, in Chromium (skipped where it is not there)', () => {
  let gateway: TestGateway
  let browser: Browser
  let page: Page
  let devices: CDPSession
  let device: string

  beforeAll(async () => {
    gateway = await openGateway({
      routes: [{ path: '/x', public: true, upstream: 'http://127.0.0.1:1' }],
    })
    await openAdministrator(gateway)
    browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-quic', '--disable-background-networking'],
    })
    page = await browser.newPage()
    devices = await page.context().newCDPSession(page)
    await devices.send('WebAuthn.enable')
    const { authenticatorId } = await devices.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    device = authenticatorId
    await page.goto(`${gateway.adminUrl.replace('127.0.0.1', 'localhost')}/admin/api-keys/sign-in`)
  })
  afterAll(async () => {
    await browser?.close()
    await gateway?.close()
  })

  const run = (script: string): Promise<unknown> =>
    page.evaluate(`(async () => { ${inBrowser} ${script} })()`)

  const signIn = (verification: string) => `
    const asked = await get('/passkey/generate-authenticate-options')
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON({ ...asked, userVerification: '${verification}' })
    const shown = await navigator.credentials.get({ publicKey })
    const response = shown.toJSON()
    const first = await outcome(await post('/passkey/verify-authentication', { response }))
  `

  test('one is added by someone who is signed in, and signs them in without a password', async () => {
    const added = await run(`
      await post('/sign-in/email', ${JSON.stringify({ email: administrator, password })})
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await get('/passkey/generate-register-options'))
      const made = await navigator.credentials.create({ publicKey })
      return outcome(await post('/passkey/verify-registration', { response: made.toJSON(), name: 'laptop' }))
    `)
    expect(added).toBe('ok')
    const [left, , again] = (await run(`
      await post('/sign-out', {})
      const left = (await me()).code
      ${signIn('required')}
      return [left, first, (await me()).actor]
    `)) as unknown[]
    expect([left, again]).toEqual(['sign_in_required', administrator])
  })

  test('an answer of the device works once', async () => {
    expect(
      await run(`
        ${signIn('required')}
        const second = await post('/passkey/verify-authentication', { response })
        return [first, second.ok]
      `),
    ).toEqual(['ok', false])
  })

  test('a device that does not ask who holds it opens nothing', async () => {
    await devices.send('WebAuthn.setUserVerified', { authenticatorId: device, isUserVerified: false })
    const [first, who] = (await run(`
      await post('/sign-out', {})
      ${signIn('discouraged')}
      return [first, (await me()).code]
    `)) as unknown[]
    expect(first).not.toBe('ok')
    expect(who).toBe('sign_in_required')
  })
})

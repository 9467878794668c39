import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { password, type Visitor } from '../e2e/visitor.ts'
import { chromiumPath, openBrowser } from '../ui/browser.ts'
import { openStandalone, patiently, type Standalone } from './standalone.ts'

describe.skipIf(chromiumPath === null)(
  'a page of another origin, in Chromium (skipped where it is not there)',
  patiently,
  () => {
    let browser: Browser
    let server: Standalone
    let ada: Visitor
    let other: Server
    let port: number

    beforeAll(async () => {
      browser = await openBrowser()
      server = await openStandalone(browser)
      ada = await server.ada()
      other = createServer((_request, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>other</title>')
      }).listen(0, '127.0.0.1')
      await once(other, 'listening')
      const address = other.address()
      port = typeof address === 'object' && address !== null ? address.port : 0
    })
    afterEach(() => server.closeTabs())
    afterAll(async () => {
      await browser?.close()
      await server?.close()
      other?.close()
    })

    // A backend behind the gateway is the page's neighbour: browsers send it the page's cookies, whatever the port.
    describe.each([
      ['on the same host, as a backend behind the gateway is (T34)', '127.0.0.1', false],
      ['on another host', 'localhost', true],
    ])('%s', (_name, host, isElsewhere) => {
      /** It, in the browser of somebody who is signed in, with what the page answered it. */
      async function evil() {
        const { page, faults } = await server.tab(ada)
        const answered: { what: string; status: number }[] = []
        page.context().on('response', (response) => {
          const { pathname } = new URL(response.url())
          const what = `${response.request().method()} ${pathname}`
          if (pathname.includes('/api/')) answered.push({ what, status: response.status() })
        })
        await page.goto(`http://${host}:${port}/`)
        // The browser says on the console what it kept from the page: that is what is meant here.
        const forgive = () => {
          expect(faults.filter((fault) => fault.startsWith('dialog'))).toEqual([])
          faults.length = 0
        }
        return { page, answered, forgive }
      }
      const api = () => `${server.home}/api`
      const everything = async () => {
        const reads = ['/keys?limit=200', '/service-users?limit=200', '/management-keys', '/people']
        return JSON.stringify(
          await Promise.all(
            reads.map(async (path) => (await ada.send('GET', `/api/v1${path}`)).json['data']),
          ),
        )
      }
      const changes = () =>
        [
          ['/v1/keys', { serviceUser: 'demo-agent', name: 'stolen' }],
          ['/v1/service-users', { name: 'stolen', owner: 'eve@example.com' }],
          ['/v1/management-keys', { name: 'stolen', role: 'admin' }],
          ['/v1/people/invitations', { email: 'eve@example.com', role: 'admin' }],
          ['/auth/sign-in/email', { email: 'eve@example.com', password }],
          ['/auth/sign-out', {}],
        ] as [string, object][]

      it('changes nothing, however its script sends the request', async () => {
        const before = await everything()
        const { page, answered, forgive } = await evil()
        for (const [path, body] of changes())
          for (const type of ['text/plain', 'application/json', 'application/x-www-form-urlencoded'])
            for (const mode of ['no-cors', 'cors'])
              await page.evaluate(
                `fetch(${JSON.stringify(api() + path)}, { method: 'POST', mode: '${mode}', credentials: 'include',
                  headers: { 'content-type': '${type}' }, body: ${JSON.stringify(JSON.stringify(body))} })
                  .then(() => {}, () => {})`,
              )
        expect(await everything()).toBe(before)
        const sent = () => answered.filter(({ what }) => what.startsWith('POST'))
        await expect.poll(() => sent().length).toBeGreaterThanOrEqual(changes().length)
        expect(sent().filter(({ status }) => status < 400)).toEqual([])
        expect((await ada.send('GET', '/api/v1/me')).status).toBe(200)
        forgive()
      })

      it('changes nothing by a form, and leaves its visitor with the refusal', async () => {
        const before = await everything()
        for (const [path, body] of changes()) {
          const { page, forgive } = await evil()
          const text = JSON.stringify(body)
          // A form of plain text can write JSON: `{"name":"x","y":"` + `=` + `"}`.
          await page.evaluate(
            `(() => {
              const form = document.createElement('form')
              form.method = 'post'; form.enctype = 'text/plain'; form.action = ${JSON.stringify(api() + path)}
              const field = document.createElement('input')
              field.name = ${JSON.stringify(`${text.slice(0, -1)}${text === '{}' ? '' : ','}"y":"`)}; field.value = '"}'
              form.append(field); document.body.append(form)
              globalThis.submitted = () => form.submit()
            })()`,
          )
          const [response] = await Promise.all([
            page.waitForResponse((each) => each.url() === api() + path),
            page.evaluate('submitted()'),
          ])
          const { code } = (await response.json()) as { code?: string }
          expect([path, response.status(), code]).toEqual([path, 403, 'origin_refused'])
          forgive()
        }
        expect(await everything()).toBe(before)
      })

      it('reads nothing: not by its script, as a script, an image, or a stream', async () => {
        const { page, answered, forgive } = await evil()
        const read = await page.evaluate(`(async () => {
          const api = ${JSON.stringify(`${api()}/v1`)}
          const out = []
          for (const path of ['/me', '/keys', '/people', '/audit', '/audit/export?format=csv', '/settings'])
            for (const credentials of ['include', 'omit'])
              out.push(await fetch(api + path, { credentials }).then((answer) => answer.text(), () => 'kept back'))
          out.push(await new Promise((resolve) => {
            const script = document.createElement('script')
            script.src = api + '/keys'
            script.onload = () => resolve('ran'); script.onerror = () => resolve('kept back')
            document.head.append(script)
          }))
          out.push(await new Promise((resolve) => {
            const stream = new EventSource(api + '/audit/live', { withCredentials: true })
            stream.onopen = () => resolve('open'); stream.onerror = () => { stream.close(); resolve('kept back') }
          }))
          return [...new Set(out)]
        })()`)
        expect(read).toEqual(['kept back'])
        if (isElsewhere) {
          answered.length = 0
          for (const path of ['/me', '/keys', '/people', '/audit', '/audit/live'])
            await page.evaluate(
              `fetch(${JSON.stringify(`${api()}/v1${path}`)}, { mode: 'no-cors', credentials: 'include' }).then(() => 0)`,
            )
          await expect.poll(() => answered.length).toBe(5)
          expect(answered.filter(({ status }) => status < 400)).toEqual([])
        }
        forgive()
      })

      it('neither frames the page, nor keeps a hand on the window that it opens it in', async () => {
        const { page, forgive } = await evil()
        await page.evaluate(
          `(async () => {
            const frame = document.createElement('iframe')
            frame.src = ${JSON.stringify(server.home)}
            const loaded = new Promise((resolve) => { frame.onload = resolve })
            document.body.append(frame)
            await loaded
          })()`,
        )
        const [, frame] = page.frames()
        await expect.poll(() => frame?.url()).toMatch(/^chrome-error:/)
        expect(await frame?.locator('main').count()).toBe(0)

        const [popup] = await Promise.all([
          page.waitForEvent('popup'),
          page.evaluate(`globalThis.opened = open(${JSON.stringify(server.home)}); 0`),
        ])
        await popup.waitForURL(`${server.home}**`)
        await popup.getByRole('heading', { level: 1 }).waitFor()
        expect(await popup.evaluate('window.opener')).toBe(null)
        await expect.poll(() => page.evaluate('opened.closed')).toBe(true)
        forgive()
      })
    })
  },
)

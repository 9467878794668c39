// @ts-nocheck: a plain program around what the build hands over untyped.
import { parseConfig } from '../../dist/config.js'
import { startDemo } from '../../dist/demo/server.js'
import { metricsOf, startGateway } from '../../dist/gateway/start.js'
import { createPostern } from '../../dist/postern.js'

// What the shots show: a gateway in this process, whose clock can be moved so that a month of calls lies behind it.

export const password = 'correct horse battery'
const email = 'ada@example.com'
const dayMs = 86_400_000
const daysBack = 34
const actor = 'ada@example.com'

/** A gateway on loopback with the demo's tools behind it; its data lie in `dataDir`. */
export async function openScene(dataDir) {
  const demo = await startDemo()
  let shiftMs = -daysBack * dayMs
  const clock = { now: () => Date.now() + shiftMs, monotonic: () => performance.now() }
  const config = parseConfig(
    {
      listen: '127.0.0.1:0',
      admin: { listen: '127.0.0.1:0' },
      log: { level: 'silent' },
      data: dataDir,
      routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'], upstream: demo.url }],
    },
    {},
    dataDir,
  )
  const postern = createPostern(config, { clock })
  let recorder = null
  const metrics = metricsOf(postern, () => recorder)
  recorder = await postern.start({ onCommitted: metrics.committed })
  const gateway = await startGateway(postern, recorder, metrics)
  postern.listensAt(gateway.url)
  const origin = gateway.adminUrl
  const home = `${origin}/admin/api-keys`

  async function send(path, json, cookie) {
    const answer = await fetch(`${home}/api${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        origin,
        'sec-fetch-site': 'same-origin',
        cookie: cookie ?? '',
      },
      body: JSON.stringify(json),
    })
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
    return answer
  }
  async function signIn() {
    const answer = await send('/auth/sign-in/email', { email, password })
    return answer.headers.getSetCookie().map((text) => {
      const [pair] = text.split(';')
      const at = pair.indexOf('=')
      return { name: pair.slice(0, at), value: pair.slice(at + 1), url: origin }
    })
  }
  async function call(token, tool, client = 'nightly-job/2.3 (linux)') {
    const answer = await fetch(`${gateway.url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'user-agent': client,
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: tool, arguments: {} },
      }),
    })
    await answer.text()
  }

  return {
    home,
    setupUrl: await gateway.page.setupUrl(),
    signIn,
    call,
    async setUp() {
      const token = (await gateway.page.setupUrl()).split('#')[1]
      await send('/setup', { token, email, name: 'Ada Lovelace', password })
    },
    /** Service users, keys in every state, a month of calls, people. Answers what views are opened on. */
    async fill() {
      const { keys } = postern
      const users = {}
      for (const [name, owner, customer] of [
        ['nightly-forecast', 'forecasting@example.com', 'ACME Corporation'],
        ['budget-agent', 'ada@example.com', 'Globex'],
        ['crawler', 'web@example.com', null],
        ['desktop', 'grace@example.com', null],
        [
          'an-agent-with-a-name-that-is-longer-than-anyone-would-want-to-read-in-a-table',
          'a.team.with.a.long.address@subsidiary.example.com',
          'A Customer With A Very Long Name Indeed GmbH & Co. KG',
        ],
      ])
        users[name] = await keys.createServiceUser(
          { name, owner, ...(customer === null ? {} : { customer }) },
          actor,
        )
      const issue = async (user, name, more = {}) => {
        const { key, token } = await keys.issue({ serviceUser: users[user].id, name, ...more }, actor)
        return { id: key.key.id, token }
      }
      const in30 = (days) => `${daysBack + days}d`
      const cron = await issue('nightly-forecast', 'production cron', {
        expires: in30(140),
        tools: ['forecast_*', 'list_channels', '!slow_*'],
      })
      const staging = await issue('nightly-forecast', 'staging cron', { expires: in30(12) })
      const budget = await issue('budget-agent', 'Claude Desktop of Ada', { expires: in30(2) })
      const laptop = await issue('desktop', 'laptop of Grace', { expires: in30(200) })
      const crawler = await issue('crawler', 'crawler-1', {
        expires: in30(90),
        addresses: ['127.0.0.0/8', '2001:db8::/32'],
      })
      const leaked = await issue('crawler', 'crawler-0', { expires: in30(90) })
      const short = await issue('desktop', 'trial', { expires: '10d' })
      const long = await issue(
        Object.keys(users).at(-1),
        'the key of the machine in the third rack from the left, beside the window',
        { expires: in30(60) },
      )
      const tools = ['forecast_revenue', 'list_channels', 'whoami', 'always_fails', 'forecast_revenue']
      for (let day = -daysBack; day <= 0; day++) {
        shiftMs = day * dayMs
        const weekday = (day + 700) % 7
        const work = [
          [cron, weekday > 4 ? 1 : 4 + (day % 3)],
          [staging, day % 2 === 0 ? 2 : 0],
          [budget, weekday > 4 ? 0 : 3],
          [crawler, 2 + ((((day * 7) % 4) + 4) % 4)],
          [leaked, day < -12 ? 2 : 0],
          [laptop, day > -20 && day < -15 ? 2 : 0],
          [long, day % 5 === 0 ? 1 : 0],
          [short, day < -25 ? 1 : 0],
        ]
        for (const [{ token }, count] of work)
          for (let at = 0; at < count; at++) await call(token, tools[(at + day + 700) % tools.length])
        if (day === -12) await keys.revoke(leaked.id, 'found in a public repository', actor)
        if (day === -1) await keys.rotate(crawler.id, {}, actor)
      }
      shiftMs = 0
      await call(
        crawler.token,
        'list_channels',
        'crawler/7 (+https://example.com/a-long-description-of-the-client)',
      )
      await call(cron.token, 'slow_report')
      await postern.tick?.()
      const cookie = (await signIn()).map(({ name, value }) => `${name}=${value}`).join('; ')
      const invite = async (person, role) =>
        (await (await send('/v1/people/invitations', { email: person, role }, cookie)).json()).url
      await send('/invitations/accept', {
        token: (await invite('grace@example.com', 'owner')).split('#')[1],
        name: 'Grace',
        password,
      })
      await send('/v1/management-keys', { name: 'terraform', role: 'admin' }, cookie)
      return {
        invitationUrl: await invite('linus@example.com', 'auditor'),
        key: cron.id,
        old: crawler.id,
        user: users['nightly-forecast'].id,
      }
    },
    async close() {
      await gateway.close(100)
      await postern.close()
      await demo.close()
    },
  }
}

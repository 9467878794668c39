import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { checkTrail, issueKey } from './instance.mjs'
import { check, figure, ratio } from './measure.mjs'
import { postRequest } from './mcp-request.mjs'
import { startLoad, startNext } from './processes.mjs'

const rounds = 9
const requestsARound = 2_000
const warmUpRequests = 6_000
const connections = 32

const execute = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

/** The handler of all apps: it reads the body, and answers some 300 bytes. */
const answer = `const text = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: 'x'.repeat(200) }] } })
const headers = { 'content-type': 'application/json' }
export async function answer(request) {
  const { params } = await request.json()
  if (params.name !== 'list_channels') return new Response(null, { status: 400 })
  return new Response(text, { headers })
}
`
const bareRoute = `import { answer } from '../../../answer'
export const POST = (request) => answer(request)
`
const checkedRoute = `import { answer } from '../../../answer'
import { postern } from '../../../postern'
export async function POST(request) {
  await postern.requireServiceUser(request)
  return answer(request)
}
`
const wrappedRoute = `import { answer } from '../../../answer'
import { postern } from '../../../postern'
export const POST = postern.withPostern((request) => answer(request))
`
const matcher = `export const config = { matcher: '/:path*' }\n`
const emptyProxy = `export function proxy() {}\n${matcher}`
const ourProxy = `import { postern } from './postern'\nexport const proxy = postern.proxy()\n${matcher}`
const postern = `import { createPostern } from 'postern/next'
export const postern = createPostern({
  log: { level: 'warn' },
  routes: [{ path: '/api/mcp', mcp: true, accepts: ['service-key'] }],
})
`

const apps = {
  bare: { 'app/api/mcp/route.js': bareRoute },
  empty: { 'app/api/mcp/route.js': bareRoute, 'proxy.js': emptyProxy },
  ours: { 'app/api/mcp/route.js': checkedRoute, 'proxy.js': ourProxy, 'postern.js': postern },
  wrapped: { 'app/api/mcp/route.js': wrappedRoute, 'postern.js': postern },
}

/** CPU per request of the Next server: a route alone, behind an empty proxy.ts, behind ours, and wrapped. */
export async function benchNext({ postgres, directory }) {
  const place = join(directory, 'next')
  await buildApps(place)
  const database = await postgres.createDatabase('next')
  const token = await issueKey({ database, directory, name: 'next-keys' })
  const cleanups = []
  try {
    const load = await startLoad()
    cleanups.push(load.stop)
    const contenders = {}
    for (const name of Object.keys(apps)) {
      contenders[name] = await startNext({ place, name, database })
      cleanups.push(contenders[name].stop)
    }
    const isOurs = (name) => name === 'ours' || name === 'wrapped'
    let recorded = 0

    async function measure(name, requests) {
      const { port, cpuMicros } = contenders[name]
      await load.open({ port, ...postRequest({ port, path: '/api/mcp', token, body }), connections })
      const before = await cpuMicros()
      const { statuses } = await load.run(requests)
      const after = await cpuMicros()
      await load.close()
      check(statuses[200] === requests, `${name}: statuses were ${JSON.stringify(statuses)}`)
      if (isOurs(name)) recorded += requests + connections
      return (after - before) / requests
    }

    for (const [name, { port }] of Object.entries(contenders)) {
      const { status } = await fetch(`http://127.0.0.1:${port}/api/mcp`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token.slice(0, -1)}_`, 'content-type': 'application/json' },
        body,
      })
      check(status === (isOurs(name) ? 401 : 200), `${name}: a wrong key got ${status}`)
    }
    const micros = Object.fromEntries(Object.keys(apps).map((name) => [name, []]))
    for (let round = 0; round <= rounds; round++) {
      for (const name of Object.keys(apps)) {
        const measured = await measure(name, round === 0 ? warmUpRequests : requestsARound)
        if (round > 0) micros[name].push(measured)
      }
    }
    await checkTrail(database, recorded, ['succeeded', 'passed'])
    return [
      figure('Next route, bare', 'CPU-µs', micros.bare),
      figure('Next route, empty proxy.ts', 'CPU-µs', micros.empty),
      figure('Next route, our proxy.ts', 'CPU-µs', micros.ours),
      figure('Next route, withPostern', 'CPU-µs', micros.wrapped),
      ratio('empty proxy.ts : bare route', micros.empty, micros.bare),
      ratio('our proxy.ts : empty proxy.ts', micros.ours, micros.empty, { atMost: 1.2 }),
      ratio('withPostern : bare route', micros.wrapped, micros.bare, { atMost: 1.15 }),
      ratio('our proxy.ts : withPostern', micros.ours, micros.wrapped),
    ]
  } finally {
    for (const step of cleanups.toReversed()) await step()
  }
}

/** One folder an app, Next and the packed package beside them. */
async function buildApps(place) {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' }
  await mkdir(place, { recursive: true })
  await writeFile(join(place, 'package.json'), '{"private":true}')
  const packed = await execute('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', place], {
    cwd: root,
  })
  const [{ filename }] = JSON.parse(packed.stdout)
  await execute(
    'npm',
    ['install', '--no-audit', '--no-fund', 'next@16.4.6', 'react@19', 'react-dom@19', join(place, filename)],
    { cwd: place, env },
  )
  const layout = `export default function Layout({ children }) {\n  return <html><body>{children}</body></html>\n}\n`
  const config = `export default { turbopack: { root: ${JSON.stringify(place)} }, outputFileTracingRoot: ${JSON.stringify(place)} }\n`
  for (const [name, files] of Object.entries(apps)) {
    const all = { ...files, 'answer.js': answer, 'app/layout.jsx': layout, 'next.config.mjs': config }
    for (const [path, text] of Object.entries(all)) {
      await mkdir(join(place, name, path, '..'), { recursive: true })
      await writeFile(join(place, name, path), text)
    }
    await execute(process.execPath, [join(place, 'node_modules/next/dist/bin/next'), 'build'], {
      cwd: join(place, name),
      env,
    })
  }
}

const body = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'list_channels', arguments: { text: 'x'.repeat(200) } },
})

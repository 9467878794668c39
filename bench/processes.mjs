import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { answerOf, ask, here, startChild, stopChild } from './child.mjs'
import { installed } from './install.mjs'

/** The backend, in a process of its own; it answers `answerAfterMs` after it has read a request, 0 is at once. */
export async function startUpstream(answerAfterMs = 0) {
  const child = startChild('children/upstream.mjs', { args: [String(answerAfterMs)] })
  const { port } = await answerOf(child, 'port')
  return { port, seen: () => ask(child, 'seen', 'seen'), stop: () => stopChild(child) }
}

/** The bare undici proxy, in a process of its own. */
export function startBareProxy(upstreamPort) {
  return startNodeServer('children/bare-proxy.mjs', [`http://127.0.0.1:${upstreamPort}`])
}

/** The package `http-proxy`, with a keep-alive agent, in a process of its own. */
export async function startHttpProxy(upstreamPort) {
  const place = await installed('http-proxy', ['http-proxy@1.18.1']).catch(() => {
    throw new Error('not installed (npm install http-proxy@1.18.1 failed)')
  })
  return startNodeServer('children/http-proxy.mjs', [`http://127.0.0.1:${upstreamPort}`, place])
}

/** What nginx asks about a token: it lets this one through. */
export function startVerifier(token) {
  return startNodeServer('children/verifier.mjs', [token])
}

async function startNodeServer(path, args) {
  const child = startChild(path, { args })
  const { port } = await answerOf(child, 'port')
  return { port, pids: [child.pid], stop: () => stopChild(child) }
}

/** `postern serve` with all on, as it is installed, in a process of its own, with a directory of its own by its name. */
export async function startGateway({ name = 'gateway', upstreamPort, database, directory, execArgv }) {
  const upstream = `http://127.0.0.1:${upstreamPort}/mcp`
  const settings = { routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'], upstream }] }
  const { child, urls } = await serve({ name, settings, database, directory, execArgv })
  return { port: portOf(urls.url), pids: [child.pid], stop: () => stopChild(child) }
}

/** `postern serve` for nginx to ask about each request; `port` is that of its admin address. */
export async function startForwardAuth({ name, database, directory }) {
  const settings = {
    admin: { listen: '127.0.0.1:0', forwardAuth: 'nginx' },
    trustedProxies: ['127.0.0.1/32'],
    routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'] }],
  }
  const { child, urls } = await serve({ name, settings, database, directory })
  return { port: portOf(urls.adminUrl), pids: [child.pid], stop: () => stopChild(child) }
}

async function serve({ name, settings, database, directory, execArgv }) {
  const config = join(directory, `${name}.json`)
  await writeFile(
    config,
    JSON.stringify({
      database,
      data: join(directory, name),
      listen: '127.0.0.1:0',
      admin: { listen: '127.0.0.1:0' },
      log: { level: 'warn' },
      ...settings,
    }),
  )
  const child = startChild('../dist/cli/main.js', { args: ['serve', '--json', '--config', config], execArgv })
  const lines = createInterface({ input: child.stdout })
  const ended = once(lines, 'close').then(() => {
    throw new Error('the gateway ended before it was ready')
  })
  const [line] = await Promise.race([once(lines, 'line'), ended])
  ended.catch(() => {})
  return { child, urls: JSON.parse(line) }
}

function portOf(url) {
  return Number(new URL(url).port)
}

/** A built Next app of the bench, as `next start` runs it, in a process of its own. */
export async function startNext({ place, name, database }) {
  const child = fork(
    join(place, 'node_modules/next/dist/bin/next'),
    ['start', '-H', '127.0.0.1', '-p', '0', '--keepAliveTimeout', '120000'],
    {
      cwd: join(place, name),
      execArgv: ['--import', here('children/probe.mjs')],
      env: {
        ...process.env,
        NEXT_TELEMETRY_DISABLED: '1',
        DATABASE_URL: database,
        POSTERN_DATA: join(place, `${name}-data`),
      },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    },
  )
  const lines = createInterface({ input: child.stdout })
  const port = await new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`the Next app ${name} ended before it was ready`)))
    lines.on('line', (line) => {
      const local = /Local:\s+http:\/\/127\.0\.0\.1:([0-9]+)/.exec(line)
      if (local !== null) resolve(Number(local[1]))
    })
  })
  return { port, cpuMicros: () => ask(child, 'cpu', 'cpuMicros'), stop: () => stopChild(child) }
}

/** The load generator, in a process of its own. */
export async function startLoad() {
  const child = startChild('children/load.mjs')
  await answerOf(child, 'ready')
  return {
    open: (target) => ask(child, { open: target }, 'opened'),
    run: (requests) => ask(child, { run: { requests } }, 'ran'),
    /** So many requests at a constant rate, whether or not those before them are answered. */
    pace: (requests, perSecond) => ask(child, { pace: { requests, perSecond } }, 'paced'),
    close: () => ask(child, { close: true }, 'closed'),
    stop: () => stopChild(child),
  }
}

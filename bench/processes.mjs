import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const answerTimeoutMs = 60_000

/** The backend, in a process of its own. */
export async function startUpstream() {
  const child = start('children/upstream.mjs')
  const { port } = await answerOf(child, 'port')
  return { port, seen: () => ask(child, 'seen', 'seen'), stop: () => stop(child) }
}

/** The bare undici proxy, in a process of its own; `form` is `piped` or `whole`. */
export async function startBareProxy(upstreamPort, form) {
  const child = start('children/bare-proxy.mjs', { args: [`http://127.0.0.1:${upstreamPort}`, form] })
  const { port } = await answerOf(child, 'port')
  return { port, cpuMicros: () => ask(child, 'cpu', 'cpuMicros'), stop: () => stop(child) }
}

/** `postern serve` with all on, as it is installed, in a process of its own. */
export async function startGateway({ upstreamPort, database, directory, execArgv = [] }) {
  const config = join(directory, 'gateway.json')
  const upstream = `http://127.0.0.1:${upstreamPort}/mcp`
  await writeFile(
    config,
    JSON.stringify({
      database,
      data: join(directory, 'gateway'),
      listen: '127.0.0.1:0',
      admin: { listen: '127.0.0.1:0' },
      log: { level: 'warn' },
      routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'], upstream }],
    }),
  )
  const child = start('../dist/cli/main.js', { args: ['serve', '--json', '--config', config], execArgv })
  const lines = createInterface({ input: child.stdout })
  const ended = once(lines, 'close').then(() => {
    throw new Error('the gateway ended before it was ready')
  })
  const [line] = await Promise.race([once(lines, 'line'), ended])
  ended.catch(() => {})
  const { url } = JSON.parse(line)
  return {
    port: Number(new URL(url).port),
    cpuMicros: () => ask(child, 'cpu', 'cpuMicros'),
    stop: () => stop(child),
  }
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
  return { port, cpuMicros: () => ask(child, 'cpu', 'cpuMicros'), stop: () => stop(child) }
}

/** The load generator, in a process of its own. */
export async function startLoad() {
  const child = start('children/load.mjs')
  await answerOf(child, 'ready')
  return {
    open: (target) => ask(child, { open: target }, 'opened'),
    run: (requests) => ask(child, { run: { requests } }, 'ran'),
    close: () => ask(child, { close: true }, 'closed'),
    stop: () => stop(child),
  }
}

function start(path, { args = [], execArgv = [] } = {}) {
  return fork(here(path), args, {
    execArgv: ['--import', here('children/probe.mjs'), ...execArgv],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
}

async function ask(child, question, answer) {
  // Where the process is gone, its exit says so.
  child.send(question, () => {})
  return (await answerOf(child, answer))[answer]
}

/** The next message that holds `name`; fails where the process ends or takes too long. */
function answerOf(child, name) {
  return new Promise((resolve, reject) => {
    if (!child.connected) return reject(new Error(`a process ended before it was asked for ${name}`))
    const timer = setTimeout(() => settle(reject, new Error(`no answer to ${name}`)), answerTimeoutMs)
    const onMessage = (message) => {
      if (name in message) settle(resolve, message)
    }
    const onExit = () => settle(reject, new Error(`a process ended before it answered ${name}`))
    function settle(how, what) {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onExit)
      how(what)
    }
    child.on('message', onMessage)
    child.on('exit', onExit)
  })
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(late)
}

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { serveSocket, socketPathFor } from '../admin/socket.ts'
import type { Recorder } from '../audit/recorder.ts'
import type { Config } from '../config.ts'
import { startDemo } from '../demo/server.ts'
import { metricsOf, startGateway } from '../gateway/start.ts'
import { KeysRefused } from '../keys/refused.ts'
import type { Postern } from '../postern.ts'
import { createPostern } from '../postern.ts'
import { prepareDirectory } from '../store/data-directory.ts'
import { acquireLock } from '../store/lock.ts'
import { CommandFailed } from './failure.ts'
import { localSettingsOf } from './settings.ts'

/** How long calls under way may take to finish once a stop is asked for, in milliseconds. */
const graceMs = 10_000
const demoUser = 'demo-agent'
const demoOwner = 'demo@example.com'
const demoActor = 'serve --demo'

/** What `serve --json` prints when it is ready. */
interface Ready {
  url: string
  mcpUrl: string | null
  adminUrl: string
  /** Makes the first administrator; null where there is one. */
  setupUrl: string | null
  dataDir: string
  demoKey: string | null
}

interface ServeOptions {
  demo?: true
  json?: true
}

export function serveCommand(): Command {
  return new Command('serve')
    .description('Run the gateway; stop it with Ctrl-C or SIGTERM.')
    .option('--demo', 'put a sample MCP server behind it, with a service user and a key on the first start')
    .option('--json', 'print one line of JSON when ready')
    .action(async (_options: unknown, command: Command) => {
      await serve(command.optsWithGlobals<ServeOptions>(), command)
    })
}

type Cleanup = () => Promise<void> | void

/** Runs until a signal stops it. What was opened is closed in reverse, also where a later step fails. */
async function serve(options: ServeOptions, command: Command): Promise<void> {
  const cleanups: Cleanup[] = []
  async function cleanUp(): Promise<void> {
    const step = cleanups.pop()
    if (step === undefined) return
    try {
      await step()
    } finally {
      await cleanUp()
    }
  }

  try {
    const stopped = untilSignal()
    const config = await withDemo(await localSettingsOf(command), options, cleanups)
    const dataDir = prepareDirectory(config.dataDir)
    const lock = await acquireLock(dataDir, { socketPath: socketPathFor(dataDir) })
    cleanups.push(() => lock.release())

    const postern = createPostern(config)
    cleanups.push(() => postern.close())
    let recorder: Recorder | null = null
    const metrics = metricsOf(postern, () => recorder)
    recorder = await postern.start({ onCommitted: metrics.committed })

    const socket = await serveSocket({ fetch: postern.admin, dataDir })
    cleanups.push(() => socket.close())
    const gateway = await startGateway(postern, recorder, metrics).catch(explainTaken)
    cleanups.push(() => gateway.close(graceMs))
    postern.listensAt(gateway.url)
    // Last, when nothing can fail any more: a token is shown once.
    const demoKey = options.demo === true ? await issueDemoKey(postern) : null

    const mcpRoute = config.routes.find((route) => route.mcp && route.match.kind === 'exact')
    announce(
      options,
      config,
      {
        url: gateway.url,
        mcpUrl: mcpRoute === undefined ? null : gateway.url + mcpRoute.path,
        adminUrl: gateway.adminUrl,
        setupUrl: await gateway.page.setupUrl(),
        dataDir,
        demoKey,
      },
      gateway.page.url,
    )
    await stopped
    say(options, 'Stopping: calls under way may finish. Once more to stop at once.')
  } finally {
    await cleanUp()
  }
  say(options, 'Stopped.')
}

/** The settings, or the one route to the sample server in place of theirs. */
async function withDemo(config: Config, options: ServeOptions, cleanups: Cleanup[]): Promise<Config> {
  if (options.demo !== true) {
    const nowhere = config.routes.find((route) => route.upstream === null)
    if (nowhere !== undefined && config.admin.forwardAuth === null)
      throw new CommandFailed(
        `the route ${nowhere.path} leads nowhere: give it an upstream, or set admin.forwardAuth where another proxy sends its requests on`,
      )
    if (config.routes.length > 0) return config
    throw new CommandFailed(
      'there are no routes: name them in postern.config.ts, or try postern serve --demo',
    )
  }
  const demo = await startDemo({ serviceUserHeader: config.headers.serviceUser })
  cleanups.push(() => demo.close())
  const { origin, pathname } = new URL(demo.url)
  const route: Config['routes'][number] = {
    path: '/mcp',
    match: { kind: 'exact', value: '/mcp' },
    mcp: true,
    accepts: ['service-key'],
    public: false,
    upstream: { origin, path: pathname },
    bodyLimitBytes: config.limits.bodyBytes,
    trailMode: config.trail.mode,
    timeoutMs: config.limits.upstreamTimeoutMs,
    assertion: 'shared',
    forwardCredential: false,
    serviceUserHeader: null,
    tools: null,
  }
  return { ...config, routes: [route] }
}

/** A service user with a key for the demo, where there is no such key yet: no token is there to be shown again. */
async function issueDemoKey(postern: Postern): Promise<string | null> {
  try {
    await postern.keys.createServiceUser({ name: demoUser, owner: demoOwner }, demoActor)
  } catch (error) {
    if (!(error instanceof KeysRefused && error.code === 'name_taken')) throw error
  }
  const { data: keys } = await postern.keys.list({ serviceUser: demoUser, limit: 1 })
  if (keys.length > 0) return null
  const { token } = await postern.keys.issue({ serviceUser: demoUser, name: 'demo' }, demoActor)
  return token
}

function explainTaken(error: NodeJS.ErrnoException & { address?: string; port?: number }): never {
  if (error.code !== 'EADDRINUSE') throw error
  throw new CommandFailed(
    `${error.address}:${error.port} is taken: stop what listens there, or set POSTERN_PORT or POSTERN_ADMIN_PORT to another port`,
  )
}

/** For people; with --json stdout has its one line only. */
function say(options: ServeOptions, text: string): void {
  if (options.json !== true) process.stdout.write(`${text}\n`)
}

function announce(options: ServeOptions, config: Config, ready: Ready, pageUrl: string): void {
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(ready)}\n`)
    return
  }
  const lines = [
    `Postern is at ${ready.url}`,
    `Page:    ${pageUrl}`,
    `Health:  ${ready.adminUrl}/_postern/healthz`,
    `Metrics: ${ready.adminUrl}/_postern/metrics`,
  ]
  if (ready.mcpUrl !== null) lines.push(`MCP:     ${ready.mcpUrl}`)
  if (ready.setupUrl !== null) lines.push('', ...firstSignIn(ready.setupUrl, ready.dataDir))
  if (options.demo === true) lines.push('', ...firstCall(ready))
  if (config.database === null) {
    lines.push(
      '',
      `The database is embedded, in ${ready.dataDir}. It survives kill -9, but not a power loss: use DATABASE_URL in production.`,
    )
  }
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** Whoever has the link becomes administrator: it isn't printed where it may end up in a log. */
function firstSignIn(setupUrl: string, dataDir: string): string[] {
  const what = 'for 30 minutes it makes whoever opens it first the administrator'
  if (process.stdout.isTTY) return [`Set up the page (${what}):`, '', `  ${setupUrl}`]
  const file = join(dataDir, 'setup-link')
  rmSync(file, { force: true })
  writeFileSync(file, `${setupUrl}\n`, { mode: 0o600, flag: 'wx' })
  return [`Set up the page: the link is in ${file} (${what})`]
}

function firstCall({ mcpUrl, demoKey, dataDir }: Ready): string[] {
  const body =
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_channels","arguments":{}}}'
  const call = (key: string) => [
    'Call a tool with it:',
    '',
    `  curl -s ${mcpUrl} \\`,
    `    -H "Authorization: Bearer ${key}" \\`,
    `    -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\`,
    `    -d '${body}'`,
  ]
  const file = join(dataDir, 'demo-key')
  if (demoKey === null && existsSync(file))
    return [`Demo key, of an earlier start: in ${file}`, '', ...call(`$(cat ${file})`)]
  if (demoKey === null) {
    return [
      `A demo key was issued at an earlier start, and only its hash is kept. For another, from a second terminal:`,
      '',
      `  npx postern keys create --service-user ${demoUser} --data ${dataDir}`,
      '',
      ...call('KEY'),
    ]
  }
  if (process.stdout.isTTY) return [`Demo key, shown this once: ${demoKey}`, '', ...call(demoKey)]
  // Not a terminal: what is printed may end up in a log.
  rmSync(file, { force: true })
  writeFileSync(file, `${demoKey}\n`, { mode: 0o600, flag: 'wx' })
  return [`Demo key: in ${file}`, '', ...call(`$(cat ${file})`)]
}

/**
 * The first signal asks for a stop, and one that comes a second later or more ends the process at once. Sooner it
 * is the same Ctrl-C, which the terminal and npm both pass on.
 */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    let askedAtMs = Infinity
    function onSignal(): void {
      if (performance.now() - askedAtMs > 1000) process.exit(130)
      askedAtMs = Math.min(askedAtMs, performance.now())
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
  })
}

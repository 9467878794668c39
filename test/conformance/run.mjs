// @ts-nocheck: plain programs around what the suite and the SDK hand over untyped.
// Runs the official conformance suite against our own full-feature server, directly and through the gateway with a
// key that may do everything, and fails on any difference by scenario, check and status. The suite and the Node that
// it needs are installed at the first run, into a folder of their own.
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as sendRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { httpAlone, startStdioShim } from './stdio-shim.mjs'

const here = import.meta.dirname
const root = join(here, '../..')
const cache = join(here, '.cache')
const node22 = join(cache, 'node_modules/node/bin/node')
const suite = join(cache, 'node_modules/@modelcontextprotocol/conformance/dist/index.js')
const inspector = join(cache, 'node_modules/@modelcontextprotocol/inspector/cli/build/index.js')
const execute = promisify(execFile)

/** The revisions, and where the server speaks each. */
const revisions = [
  { revision: '2026-07-28', path: '/modern' },
  { revision: '2025-11-25', path: '/legacy' },
]

/** The only path that the Inspector's CLI asks. */
const inspectorPath = '/mcp'

const dataDir = mkdtempSync(join(tmpdir(), 'postern-conformance-'))
/** What has to end with this run. */
/** @type {(() => unknown)[]} */
const ends = [() => rmSync(dataDir, { recursive: true, force: true })]
let code = 1
try {
  code = await compareAll()
} finally {
  for (const end of ends.toReversed()) await end()
}
process.exit(code)

async function compareAll() {
  await install()
  const { origin } = await start([join(here, 'server.mjs')], {})
  const { origin: gateway, url, token } = await startGateway(origin)
  const program = join(root, 'connect/dist/connect.js')
  const bridge = await startStdioShim({ program, gateway: url, token, ends })
  let differences = 0
  for (const { revision, path } of revisions) {
    const direct = await run(`${origin}${path}`, revision, 'direct')
    const through = await run(`${gateway}${path}`, revision, 'through')
    differences += compare(revision, direct, through)
    const bridged = await run(`${bridge}${path}`, revision, 'bridged')
    differences += compare(`${revision} by the bridge`, ...[direct, bridged].map(carriedByStdio))
  }
  differences += await compareInspector(`${origin}${inspectorPath}`, `${gateway}${inspectorPath}`)
  if (differences === 0) process.stdout.write('Gateway and bridge make no difference.\n')
  return differences === 0 ? 0 : 1
}

async function install() {
  if ([suite, node22, inspector].every((file) => existsSync(file))) return
  mkdirSync(cache, { recursive: true })
  writeFileSync(join(cache, 'package.json'), '{"private":true}')
  const wanted = [
    '@modelcontextprotocol/conformance@0.2.0-alpha.12',
    '@modelcontextprotocol/inspector@0.15.0',
    'node@22',
  ]
  await execute('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...wanted], { cwd: cache })
}

/** Starts a program of ours; answers the JSON of its first line. */
async function start(args, env) {
  const child = spawn(process.execPath, args, {
    cwd: dataDir,
    env: { PATH: process.env['PATH'], HOME: dataDir, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const closed = new Promise((resolve) => child.once('close', resolve))
  ends.push(async () => {
    child.stdin.end()
    child.kill('SIGTERM')
    await closed
  })
  const lines = createInterface(child.stdout)
  const [line] = await Promise.race([
    new Promise((resolve) => lines.once('line', (text) => resolve([text]))),
    closed.then(() => [null]),
  ])
  if (line === null) throw new Error(`${args.join(' ')} ended before it was ready`)
  return JSON.parse(line)
}

/** A gateway of its own in front of the server, with a shim before it that adds the key. Answers the shim's origin. */
async function startGateway(upstream) {
  const env = { POSTERN_DATA: join(dataDir, 'data'), POSTERN_PORT: '0', POSTERN_ADMIN_PORT: '0' }
  const paths = [...revisions.map(({ path }) => path), inspectorPath]
  const routes = paths.map((path) => ({
    path,
    mcp: true,
    accepts: ['service-key'],
    upstream: upstream + path,
  }))
  writeFileSync(join(dataDir, 'postern.config.json'), JSON.stringify({ log: { level: 'warn' }, routes }))
  const cli = join(root, 'dist/cli/main.js')
  const { url } = await start([cli, 'serve', '--json'], env)
  const ask = async (...args) => {
    const options = { cwd: dataDir, env: { PATH: process.env['PATH'], HOME: dataDir, ...env } }
    const { stdout } = await execute(process.execPath, [cli, ...args, '--json'], options)
    return JSON.parse(stdout)
  }
  await ask('service-users', 'create', 'conformance', '--owner', 'conformance@example.com')
  const { token } = await ask('keys', 'create', '--service-user', 'conformance')
  return { origin: await startShim(new URL(url), token), url, token }
}

/** Passes everything on as it comes, with the key. */
function startShim(gateway, token) {
  const shim = createServer((request, response) => {
    const raw = [...request.rawHeaders, 'Authorization', `Bearer ${token}`]
    const passed = sendRequest(
      { host: gateway.hostname, port: gateway.port, path: request.url, method: request.method, headers: raw },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
        response.flushHeaders()
        answer.pipe(response)
        answer.on('close', () => {
          if (!answer.complete) response.destroy()
        })
      },
    )
    passed.on('error', () => response.destroy())
    response.on('close', () => passed.destroy())
    request.pipe(passed)
  })
  return new Promise((resolve) => {
    shim.listen(0, '127.0.0.1', () => {
      ends.push(
        () => shim.closeAllConnections(),
        () => void shim.close(),
      )
      const address = shim.address()
      resolve(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`)
    })
  })
}

/** Runs the suite; answers the statuses of its checks by scenario and check. */
async function run(url, revision, name) {
  const output = join(dataDir, `${revision}-${name}`)
  mkdirSync(output)
  const args = [suite, 'server', '--url', url, '--requirements', revision, '-o', output]
  // It fails where a check does, which is what is compared here.
  await execute(node22, args, { cwd: dataDir, maxBuffer: 1 << 26 }).catch((error) => {
    if (typeof error.code !== 'number') throw error
  })
  const found = new Map()
  for (const folder of readdirSync(output)) {
    const scenario = folder.replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '')
    const checks = JSON.parse(readFileSync(join(output, folder, 'checks.json'), 'utf8'))
    for (const { id, status, errorMessage } of checks) {
      const key = `${scenario} ${id}`
      const before = found.get(key) ?? { statuses: [], messages: [] }
      before.statuses.push(status)
      if (errorMessage !== undefined) before.messages.push(errorMessage)
      found.set(key, before)
    }
  }
  return found
}

/** What is left of a run without the scenarios that are about HTTP itself. */
function carriedByStdio(found) {
  return new Map([...found].filter(([key]) => !httpAlone.has(key.slice('server-'.length, key.indexOf(' ')))))
}

/** The Inspector's CLI, as a client that people use: what it lists and calls is the same on both ways. */
async function compareInspector(direct, through) {
  let differences = 0
  for (const asked of [
    ['tools/list'],
    ['resources/list'],
    ['prompts/list'],
    ['tools/call', '--tool-name', 'test_simple_text'],
    ['tools/call', '--tool-name', 'test_error_handling'],
  ]) {
    const [a, b] = await Promise.all(
      [direct, through].map(async (url) => {
        const args = [inspector, url, '--transport', 'http', '--method', ...asked]
        const asking = execute(node22, args, { cwd: dataDir, timeout: 30_000 })
        asking.child.stdin?.end()
        return (await asking).stdout
      }),
    )
    const isSame = a === b && a.includes('{')
    process.stdout.write(`Inspector ${asked.join(' ')}: ${isSame ? 'the same' : 'DIFFERENT'}\n`)
    if (!isSame) differences++
  }
  return differences
}

/** Prints what differs, and how many checks did. */
function compare(revision, direct, through) {
  const passed = [...direct.values()].filter(({ statuses }) => statuses.every((each) => each === 'SUCCESS'))
  process.stdout.write(`${revision}: ${direct.size} checks, of which ${passed.length} succeed directly\n`)
  // A run that found nothing proves nothing.
  if (passed.length < 50) {
    process.stdout.write('  too few: the server or the suite is broken\n')
    return 1
  }
  let differences = 0
  for (const key of new Set([...direct.keys(), ...through.keys()])) {
    const [a, b] = [direct.get(key), through.get(key)]
    const [was, is] = [a, b].map((each) => each?.statuses.sort().join(' ') ?? 'missing')
    if (was === is) continue
    differences++
    process.stdout.write(`  ${key}: ${was} directly, ${is} through\n`)
    for (const message of b?.messages ?? []) process.stdout.write(`    ${message}\n`)
  }
  return differences
}

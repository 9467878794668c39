// npm run example: installs the example beside the packed package, builds it, starts it, and issues a first key.
// With --json it prints one line when ready; everything else goes to stderr.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const app = join(import.meta.dirname, 'mmm-wizard')
const json = process.argv.includes('--json')
const port = process.env.PORT ?? '3000'
const url = `http://127.0.0.1:${port}`
const dataDir = process.env.POSTERN_DATA ?? join(app, '.postern')
const env = {
  ...process.env,
  NEXT_TELEMETRY_DISABLED: '1',
  POSTERN_DATA: dataDir,
  MMM_URL: process.env.MMM_URL ?? url,
  // The app listens on the loopback, below. Nobody else sets it.
  MMM_EVERYONE_IS_ADMIN: 'on this machine',
}
const agent = 'mmm-agent'

say('Packing Postern and installing the example …')
run('npm', ['run', '--silent', 'build'], root)
const tarball = pack()
const next = join(app, 'node_modules/next/dist/bin/next')
const stamp = join(app, '.package/stamp')
const wanted = digestOf([tarball, ...sourceFiles()])
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  rmSync(stamp, { force: true })
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', tarball], app)
  say('Building it …')
  run(process.execPath, [next, 'build'], app)
  writeFileSync(stamp, wanted)
}

const server = spawn(process.execPath, [next, 'start', '-H', '127.0.0.1', '-p', port], {
  cwd: app,
  env,
  stdio: ['ignore', 'pipe', 'inherit'],
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.kill('SIGTERM'))
server.on('exit', (code) => process.exit(code ?? 0))
await new Promise((resolve) => server.stdout.on('data', (data) => data.includes('Ready in') && resolve()))

// The first request opens Postern, and with it the socket that the command uses.
await fetch(`${url}/sign-in`)
announce(firstKey())

function firstKey() {
  const users = postern('service-users', 'list').data
  if (users.some(({ name }) => name === agent)) return null
  postern('service-users', 'create', agent, '--owner', 'team@example.com')
  return postern('keys', 'create', '--service-user', agent, '--name', 'desktop').token
}

function announce(key) {
  const command = join(app, 'stdio/server.mjs')
  const desktop = {
    mcpServers: {
      'mmm-wizard': {
        command: 'node',
        args: [command],
        env: { MMM_URL: url, MMM_KEY: process.stdout.isTTY && key !== null ? key : 'mmm_…' },
      },
    },
  }
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ url, mcpUrl: `${url}/api/mcp`, adminUrl: `${url}/admin/api-keys`, dataDir, command, key })}\n`,
    )
    return
  }
  const shown = process.stdout.isTTY || key === null ? key : keep(key)
  const lines = [
    '',
    `The app is at ${url}: people sign in there.`,
    `Agents call ${url}/api/mcp.`,
    `Keys are managed at ${url}/admin/api-keys, by whoever has signed in.`,
    key === null
      ? `A key was issued at an earlier start. For another: npx postern keys create --service-user ${agent} --data ${dataDir}`
      : `The key, ${process.stdout.isTTY ? 'shown this once' : 'in a file'}: ${shown}`,
    '',
    'For Claude Desktop, in claude_desktop_config.json:',
    '',
    JSON.stringify(desktop, null, 2),
    '',
    `Who called what: npx postern audit list --data ${dataDir}`,
    'Stop with Ctrl-C.',
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** What is printed elsewhere than on a terminal may end up in a log. */
function keep(key) {
  const file = join(dataDir, 'example-key')
  writeFileSync(file, `${key}\n`, { mode: 0o600 })
  chmodSync(file, 0o600)
  return file
}

function postern(...args) {
  const cli = join(app, 'node_modules/postern/dist/cli/main.js')
  return JSON.parse(
    execFileSync(process.execPath, [cli, ...args, '--json'], { cwd: app, env, encoding: 'utf8' }),
  )
}

function pack() {
  const folder = join(app, '.package')
  mkdirSync(folder, { recursive: true })
  for (const old of readdirSync(folder)) if (old.endsWith('.tgz')) rmSync(join(folder, old))
  const options = ['--ignore-scripts', '--json', '--loglevel=silent', '--pack-destination', folder]
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', ...options], { cwd: root, encoding: 'utf8' }),
  )
  return join(folder, filename)
}

function sourceFiles() {
  const ours = readdirSync(app, { recursive: true, encoding: 'utf8' })
  return ours
    .filter((file) => /\.(ts|tsx|mjs|json)$/.test(file) && !/^(node_modules|\.next|\.p)/.test(file))
    .filter((file) => !['next-env.d.ts', 'package-lock.json'].includes(file))
    .toSorted()
    .map((file) => join(app, file))
}

function digestOf(files) {
  const digest = createHash('sha256')
  for (const file of files) digest.update(readFileSync(file))
  return digest.digest('hex')
}

function run(command, args, cwd) {
  const { status } = spawnSync(command, args, {
    cwd,
    env,
    stdio: ['ignore', json ? 2 : 'inherit', 'inherit'],
  })
  if (status !== 0) process.exit(status ?? 1)
}

function say(text) {
  process.stderr.write(`${text}\n`)
}

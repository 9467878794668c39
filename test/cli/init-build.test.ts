import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningNext, startNext } from '../next/next-app.ts'
import { alone, buildNext, cache, dependencies, execute, installPackages, quiet } from '../next/packages.ts'

/** What `postern init` writes is built and run as it is, by a real Next, with the package as it is published. */

const secret = 'a secret of the scheduler'
const cli = join(cache, 'node_modules/postern/dist/cli/main.js')

beforeAll(() => alone(installPackages), 600_000)

describe.each([
  ['an app in app/', '', []],
  ['an app in src/app/, with a route for a scheduler', 'src/', ['--cron']],
])('%s', (_, base, flags) => {
  let root: string
  let dataDir: string
  let written: string[]
  let next: RunningNext

  async function postern<T>(...args: string[]): Promise<T> {
    const env = { ...quiet, POSTERN_DATA: dataDir }
    const { stdout } = await execute(process.execPath, [cli, ...args, '--json'], { cwd: root, env })
    return JSON.parse(stdout) as T
  }

  function put(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }

  beforeAll(async () => {
    root = mkdtempSync(join(cache, 'init-'))
    dataDir = join(mkdtempSync(join(tmpdir(), 'postern-init-')), 'data')
    put(
      'package.json',
      JSON.stringify({ name: 'app', private: true, dependencies: { ...dependencies, postern: '*' } }),
    )
    put('next.config.mjs', `export default { turbopack: { root: ${JSON.stringify(cache)} } }\n`)
    put(
      `${base}app/layout.tsx`,
      'export default function Layout({ children }: { children: React.ReactNode }) {\n  return <html><body>{children}</body></html>\n}\n',
    )
    put(`${base}app/page.tsx`, 'export default function Home() {\n  return <p>home</p>\n}\n')
    put(`${base}app/other/page.tsx`, 'export default function Other() {\n  return <p>other</p>\n}\n')
    ;({ written } = await postern<{ written: string[] }>('init', '--yes', ...flags))
    await buildNext(root)
    next = await startNext(root, 'next start', { POSTERN_DATA: dataDir, CRON_SECRET: secret })
  }, 300_000)
  afterAll(async () => {
    await next?.stop('SIGKILL')
    rmSync(root, { recursive: true, force: true })
  })

  const ask = (path: string, token?: string) =>
    fetch(next.url + path, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })

  it('opens to a first key, is closed without one and where nothing is listed, and has the call in its trail', async () => {
    expect(written).toContain('postern.config.ts')
    expect(readFileSync(join(root, '.gitignore'), 'utf8')).toContain('.postern')
    const home = await ask('/')
    expect([home.status, (await home.text()).includes('home')]).toEqual([200, true])

    const user = await postern<{ id: string }>(
      'service-users',
      'create',
      'agent',
      '--owner',
      'team@example.com',
    )
    const key = await postern<{ id: string; token: string }>('keys', 'create', '--service-user', 'agent')
    const answer = await ask('/api/agents/whoami', key.token)
    expect([answer.status, await answer.json()]).toEqual([200, { serviceUserId: user.id, customer: null }])
    expect((await ask('/api/agents/whoami')).status).toBe(401)
    expect((await ask('/other')).status).toBe(403)
    expect((await ask('/other', key.token)).status).toBe(403)

    const { data } = await postern<{ data: object[] }>('audit', 'list')
    expect(data).toContainEqual(
      expect.objectContaining({ keyId: key.id, path: '/api/agents/whoami', outcome: 'passed' }),
    )
  })

  it('has a route for a scheduler where one was asked for, which lets it in by its secret only', async () => {
    const answer = await ask('/postern/tick', secret)
    if (flags.length === 0) {
      expect(answer.status).toBe(403)
      return
    }
    expect([answer.status, await answer.json()]).toMatchObject([200, { code: 'done' }])
    expect((await ask('/postern/tick')).status).toBe(401)
  })
})

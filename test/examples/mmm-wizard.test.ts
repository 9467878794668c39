import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CallJson } from '../../src/admin/schemas-audit.ts'
import type { PageJson } from '../../src/admin/schemas-common.ts'
import { run } from '../cli/bin.ts'
import { freePort } from '../free-port.ts'

interface Example {
  url: string
  mcpUrl: string
  dataDir: string
  command: string
  key: string
}

const root = join(import.meta.dirname, '../..')
let place: string
let child: ChildProcess
let example: Example

// Packs this package, installs the example beside it, and builds it with a real Next.
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'postern-example-'))
  const port = String(await freePort())
  child = spawn(process.execPath, [join(root, 'examples/run.mjs'), '--json'], {
    cwd: root,
    env: { ...process.env, PORT: port, POSTERN_DATA: join(place, 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr?.on('data', (data: Buffer) => (said += data.toString()))
  const lines = createInterface({ input: child.stdout! })
  const [line] = (await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error(`the example ended: ${said}`))),
  ])) as [string]
  example = JSON.parse(line) as Example
}, 400_000)

afterAll(async () => {
  if (child.exitCode === null) {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
  await rm(place, { recursive: true, force: true })
})

async function trail(): Promise<CallJson[]> {
  const ran = await run(['audit', 'list', '--json', '--data', example.dataDir], { cwd: place })
  return (JSON.parse(ran.stdout) as PageJson<CallJson>).data
}

const toolNames = [
  'contribution_by_channel',
  'fit_model',
  'forecast_revenue',
  'list_channels',
  'reallocate_budget',
]

test('the stdio server, spawned by a real client, works with the key of its environment', async () => {
  const client = new Client({ name: 'desktop', version: '1.0.0' })
  const env = { ...(process.env as Record<string, string>), MMM_KEY: example.key, MMM_URL: example.url }
  await client.connect(new StdioClientTransport({ command: 'node', args: [example.command], env }))
  try {
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name).sort()).toEqual(toolNames)
    const { structuredContent } = await client.callTool({ name: 'reallocate_budget', arguments: {} })
    const answer = structuredContent as { revenueNow: number; revenueBest: number; askedBy: string }
    expect(answer.revenueBest).toBeGreaterThan(answer.revenueNow)
    const [row] = (await trail()).filter(({ path }) => path === '/api/tools/reallocate_budget')
    expect(row).toMatchObject({ outcome: 'passed', serviceUserId: answer.askedBy })
  } finally {
    await client.close()
  }
})

test('with a wrong key the stdio server tells the client that it was refused', async () => {
  const client = new Client({ name: 'desktop', version: '1.0.0' })
  const env = { ...(process.env as Record<string, string>), MMM_KEY: 'mmm_wrong', MMM_URL: example.url }
  await client.connect(new StdioClientTransport({ command: 'node', args: [example.command], env }))
  try {
    await expect(client.listTools()).rejects.toThrow(/401/)
  } finally {
    await client.close()
  }
})

test('a call to the MCP endpoint is in the trail with its tool and service user', async () => {
  const client = new Client({ name: 'agent', version: '1.0.0' })
  const headers = { authorization: `Bearer ${example.key}` }
  await client.connect(
    new StreamableHTTPClientTransport(new URL(example.mcpUrl), { requestInit: { headers } }),
  )
  try {
    const { structuredContent } = await client.callTool({ name: 'fit_model', arguments: {} })
    const { rSquared } = structuredContent as { rSquared: number }
    expect(rSquared).toBeGreaterThan(0.95)
    const rows = (await trail()).filter(({ tool }) => tool === 'fit_model')
    expect(rows).toMatchObject([{ outcome: 'passed', method: 'tools/call', credentialKind: 'service-key' }])
  } finally {
    await client.close()
  }
})

test('a page is for people with a session, and neither kind opens what is for the other', async () => {
  const page = await fetch(example.url, { headers: { accept: 'text/html' }, redirect: 'manual' })
  expect([page.status, page.headers.get('location')]).toEqual([303, '/sign-in'])
  const signedIn = await fetch(`${example.url}/sign-in/local`, {
    method: 'POST',
    body: new URLSearchParams({ name: 'Ada' }),
    redirect: 'manual',
  })
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
  const home = await fetch(example.url, { headers: { cookie } })
  expect(home.status).toBe(200)
  expect(await home.text()).toContain('Ada')

  expect((await fetch(`${example.url}/api/tools`, { headers: { cookie } })).status).toBe(401)
  const authorization = `Bearer ${example.key}`
  expect((await fetch(example.url, { headers: { authorization } })).status).toBe(401)
  expect((await fetch(example.url, { headers: { cookie: `${cookie}0` } })).status).toBe(401)
})

test('the page where keys are managed is in the app, and for people who have signed in', async () => {
  const page = `${example.url}/admin/api-keys`
  const document = await fetch(page)
  expect(document.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  expect(await document.text()).toContain('<base href="/admin/api-keys/">')
  const me = (headers: Record<string, string>) => fetch(`${page}/api/v1/me`, { headers })
  expect((await me({})).status).toBe(401)
  expect((await me({ cookie: 'mmm_session=Ada.0' })).status).toBe(401)
  expect((await me({ authorization: `Bearer ${example.key}` })).status).toBe(401)
  const signedIn = await fetch(`${example.url}/sign-in/local`, {
    method: 'POST',
    body: new URLSearchParams({ name: 'Ada Lovelace' }),
    redirect: 'manual',
  })
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
  expect(await (await me({ cookie })).json()).toMatchObject({
    actor: 'Ada Lovelace',
    role: 'admin',
    via: 'host',
  })
})

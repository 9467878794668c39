import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Agent, request } from 'undici'
import { serveSocket, socketPathFor } from '../../src/admin/socket.ts'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'postern-socket-'))
})
afterEach(() => {
  const path = socketPathFor(dataDir)
  rmSync(dataDir, { recursive: true, force: true })
  if (!path.startsWith(dataDir)) rmSync(dirname(path), { recursive: true, force: true })
})

const fetch = async (request: Request) => new Response(`${request.method} ${new URL(request.url).pathname}`)

async function ask(socketPath: string): Promise<string> {
  const dispatcher = new Agent({ connect: { socketPath } })
  try {
    return await (await request('http://postern/a/b', { dispatcher })).body.text()
  } finally {
    await dispatcher.close()
  }
}

test('the handler answers on a socket that only this user may open, from the moment it exists', async () => {
  const mask = process.umask(0)
  try {
    const serving = serveSocket({ fetch, dataDir })
    // Before the server has even said that it listens.
    expect(statSync(socketPathFor(dataDir)).mode & 0o777).toBe(0o600)
    const socket = await serving
    expect(process.umask(0)).toBe(0)
    expect(socket.path).toBe(join(dataDir, 'admin.sock'))
    expect(await ask(socket.path)).toBe('GET /a/b')
    await socket.close()
    expect(existsSync(socket.path)).toBe(false)
  } finally {
    process.umask(mask)
  }
})

test("Node's own Request and Response stay what they are", async () => {
  const before = [globalThis.Request, globalThis.Response]
  const socket = await serveSocket({ fetch, dataDir })
  expect([globalThis.Request, globalThis.Response]).toEqual(before)
  await socket.close()
})

test('what a killed process left is removed', async () => {
  const path = socketPathFor(dataDir)
  const code = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(existsSync(path)).toBe(true)
  const socket = await serveSocket({ fetch, dataDir })
  expect(await ask(path)).toBe('GET /a/b')
  await socket.close()
})

test('a file that is no socket is not removed', async () => {
  writeFileSync(socketPathFor(dataDir), 'precious')
  await expect(serveSocket({ fetch, dataDir })).rejects.toThrow('in the way')
})

test('a path that Node would cut off moves to a private directory, the same one each time', async () => {
  const long = join(dataDir, 'x'.repeat(100))
  mkdirSync(long)
  const path = socketPathFor(long)
  expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100)
  expect(socketPathFor(long)).toBe(path)
  expect(socketPathFor(`${long}y`)).not.toBe(path)
  const socket = await serveSocket({ fetch, dataDir: long })
  try {
    expect(socket.path).toBe(path)
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)
    expect(await ask(path)).toBe('GET /a/b')
  } finally {
    await socket.close()
    rmSync(dirname(path), { recursive: true })
  }
  mkdirSync(dirname(path))
  chmodSync(dirname(path), 0o755)
  try {
    await expect(serveSocket({ fetch, dataDir: long }).then(() => 'served')).rejects.toThrow('not private')
  } finally {
    rmSync(dirname(path), { recursive: true })
  }
})

test('closing waits for what was asked', async () => {
  let answer: (response: Response) => void = () => {}
  let arrived = () => {}
  const asked = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const socket = await serveSocket({
    dataDir,
    fetch: () =>
      new Promise((resolve) => {
        answer = resolve
        arrived()
      }),
  })
  const asking = ask(socket.path)
  await asked
  const closing = socket.close()
  answer(new Response('late'))
  expect(await asking).toBe('late')
  await closing
})

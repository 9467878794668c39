import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { BridgeFailure, type Credential, type SendOutbound } from '../../connect/src/contracts.ts'
import { openCredential } from '../../connect/src/credential/open.ts'
import { openGateway, type TestGateway, type TestKey } from '../e2e/gateway.ts'
import { startUpstream, type Upstream } from '../e2e/upstream.ts'

/** A gateway, a line to it that can be cut, and key files. */
export interface KeyStage {
  gateway: TestGateway
  upstream: Upstream
  line: CutLine
  /** The MCP endpoint, past the line that can be cut. */
  url: URL
  /** A key that may rotate itself, with this part of its life (an hour unless told otherwise) over. */
  issue(partOver?: number, expires?: string): Promise<TestKey>
  /** A key file of its own in a folder of its own. */
  keyFile(token: string): Promise<string>
  /** A credential over that file, ended with the test; `told` has what a person was told. */
  open(file: string): Promise<{ credential: Credential; told: Told[] }>
  /** The status of a call with a token. */
  call(token: string): Promise<number>
  /** The keys that came of one by rotation. */
  successorsOf(key: TestKey): Promise<string[]>
}

export interface Told {
  level: string
  code: string
  text: string
}

const hourMs = 3_600_000

/** `upstreamUrl` is what answers behind the gateway, in place of a server that has nothing to say. */
export function onKeyStage(
  ready: (stage: KeyStage) => void,
  upstreamUrl: () => Promise<string> = async () => '',
): void {
  let upstream: Upstream
  let gateway: TestGateway
  let line: CutLine
  let user: TestKey
  const over: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    upstream = await startUpstream()
    const behind = (await upstreamUrl()) || upstream.origin
    const routes = [{ path: '/mcp', mcp: true, accepts: ['service-key' as const], upstream: behind }]
    gateway = await openGateway({ routes })
    line = await openCutLine(gateway.port)
    user = await gateway.issueKey()
    ready({
      gateway,
      upstream,
      line,
      url: new URL('/mcp', line.origin),
      async issue(partOver = 0, expires = '1h') {
        // So that it is as old as it shall be, without anybody's clock standing elsewhere than now.
        gateway.shiftClock(-partOver * hourMs)
        try {
          const input = { serviceUser: user.serviceUserId, selfRotate: true as const, expires }
          const { key, token } = await gateway.postern.keys.issue(input, 'the test')
          return { token, id: key.key.id, serviceUserId: user.serviceUserId }
        } finally {
          gateway.shiftClock(partOver * hourMs)
        }
      },
      async keyFile(token) {
        const folder = await mkdtemp(join(tmpdir(), 'postern-key-'))
        over.push(() => rm(folder, { recursive: true, force: true }))
        const file = join(folder, 'agent.key')
        await writeFile(file, `${token}\n`)
        await chmod(file, 0o600)
        return file
      },
      async open(keyFile) {
        const told: Told[] = []
        const credential = await openCredential(
          { url: new URL('/mcp', line.origin), keyFile, isClientCredentials: false },
          {
            send: plainSend,
            tell: (level, code, text) => void told.push({ level, code, text }),
            environment: {},
            now: () => Date.now(),
          },
        )
        over.push(() => credential.close())
        return { credential, told }
      },
      async call(token) {
        const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
        const headers = { ...jsonHeaders, authorization: `Bearer ${token}` }
        return (await fetch(`${gateway.url}/mcp`, { method: 'POST', headers, body })).status
      },
      async successorsOf(key) {
        const { data } = await gateway.postern.keys.list({ serviceUser: user.serviceUserId, limit: 200 })
        return data.filter((each) => each.key.predecessorId === key.id).map((each) => each.key.id)
      },
    })
  })
  afterEach(async () => {
    line.pass()
    for (const end of over.splice(0).toReversed()) await end()
  })
  afterAll(async () => {
    await line.close()
    await gateway.close()
    await upstream.close()
  })
}

const jsonHeaders = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}

/** What goes out without a proxy, TLS or reasons: for tests that are about something else. */
export const plainSend: SendOutbound = ({ method, url, headers, body, signal }) =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false, ...(signal === undefined ? {} : { signal }) })
    sent.on('response', (answer) =>
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer }),
    )
    sent.on('error', () => reject(new BridgeFailure('broken_off', 'the connection broke off', true)))
    sent.end(body)
  })

/** A line to a port on loopback. */
export interface CutLine {
  origin: string
  /** How many connections were cut. */
  readonly cuts: number
  /** Cuts the answers, after the whole request has arrived, of the next requests that begin so. */
  cutAnswersTo(beginning: string, times?: number): void
  /** Lets nothing through, in either direction. */
  block(): void
  pass(): void
  close(): Promise<void>
}

export async function openCutLine(port: number): Promise<CutLine> {
  let cut: { beginning: string; left: number } | null = null
  let isBlocked = false
  let cuts = 0
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    if (isBlocked) {
      near.destroy()
      return
    }
    const far = connect(port, '127.0.0.1')
    let isCut = false
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (chunk: Buffer) => {
      if (cut !== null && cut.left > 0 && chunk.toString('latin1').startsWith(cut.beginning)) {
        cut.left--
        isCut = true
      }
      far.write(chunk)
    })
    far.on('data', (chunk: Buffer) => {
      if (!isCut) {
        near.write(chunk)
        return
      }
      // The gateway has answered, so it has done what was asked.
      cuts++
      near.destroy()
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the line does not listen')
  return {
    origin: `http://127.0.0.1:${address.port}`,
    get cuts() {
      return cuts
    },
    cutAnswersTo(beginning, times = 1) {
      cut = { beginning, left: times }
    },
    block() {
      isBlocked = true
      for (const socket of sockets) socket.destroy()
    },
    pass() {
      cut = null
      isBlocked = false
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

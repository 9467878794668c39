// @ts-nocheck: a plain program around the suite.
// The official suite speaks HTTP to servers; a bridge is spoken to on stdio. This puts the one in front of the other:
// a bridge for each session of an older revision, and one for each request of 2026-07-28, which has none. Messages
// pass as text. What the wire of HTTP alone has (statuses, sessions, streams, hosts, headers) is the shim's own, and so
// the scenarios that are about it prove nothing here.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'

/** Scenarios about HTTP itself, each with what it looks at. */
export const httpAlone = new Map([
  ['server-session-lifecycle', 'session ids and DELETE'],
  ['server-stateless', 'statuses and headers of single requests'],
  ['server-sse-polling', 'streams that the server closes early'],
  ['server-sse-multiple-streams', 'several streams at once'],
  ['dns-rebinding-protection', 'Host and Origin'],
  ['http-header-validation', 'the mirrors that the bridge writes by itself'],
  ['tasks-request-headers', 'the mirrors that the bridge writes by itself'],
  ['http-custom-header-server-validation', 'the mirrors that the bridge writes by itself'],
])

/** What Streamable HTTP says of an error's status. */
const statusOf = new Map([
  [-32601, 404],
  [-32020, 400],
  [-32021, 400],
  [-32022, 400],
])

/** Answers the shim's origin. `args` are for Node: the bridge's program; the URL follows. */
export function startStdioShim({ program, gateway, token, ends }) {
  const sessions = new Map()

  function spawnBridge(path) {
    const env = { PATH: process.env.PATH, POSTERN_KEY: token }
    const child = spawn(process.execPath, [program, `${gateway}${path}`], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    ends.push(() => child.kill())
    const bridge = { child, streams: [], listening: null }
    createInterface(child.stdout).on('line', (text) => {
      const message = JSON.parse(text)
      const isAnswer = message.method === undefined
      const at = isAnswer
        ? bridge.streams.findIndex((each) => each.id === message.id)
        : bridge.streams.length - 1
      const stream = bridge.streams[at] ?? bridge.listening
      if (stream === null || stream === undefined) return
      stream.say(text, message)
      if (isAnswer && at !== -1) bridge.streams.splice(at, 1)
    })
    return bridge
  }

  const shim = createServer((request, response) => void answer(request, response))

  async function answer(request, response) {
    const session = request.headers['mcp-session-id']
    const found = sessions.get(session)
    if (request.method === 'GET' && found !== undefined) {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      found.listening = { say: (text) => response.write(`event: message\ndata: ${text}\n\n`) }
      return
    }
    if (request.method === 'DELETE' && found !== undefined) {
      found.child.stdin.end()
      sessions.delete(session)
      response.writeHead(200).end()
      return
    }
    if (request.method !== 'POST') {
      response.writeHead(405).end()
      return
    }
    let body = ''
    for await (const chunk of request) body += chunk
    const message = JSON.parse(body)
    const isModern = message.params?.['_meta']?.['io.modelcontextprotocol/protocolVersion'] !== undefined
    const bridge = isModern || found === undefined ? spawnBridge(request.url) : found
    const opened = message.method === 'initialize' && !isModern ? randomUUID() : null
    if (opened !== null) sessions.set(opened, bridge)
    const head = opened === null ? {} : { 'mcp-session-id': opened }
    if (message.id === undefined || message.method === undefined) {
      bridge.child.stdin.write(`${JSON.stringify(message)}\n`)
      response.writeHead(202, head).end()
      return
    }
    let isStream = false
    const isOnly = isModern || found === undefined
    bridge.streams.push({
      id: message.id,
      say(text, said) {
        const isAnswer = said.method === undefined
        if (isAnswer && !isStream) {
          const status = (isModern && statusOf.get(said.error?.code)) || 200
          response.writeHead(status, { 'content-type': 'application/json', ...head }).end(text)
        } else {
          if (!isStream) response.writeHead(200, { 'content-type': 'text/event-stream', ...head })
          isStream = true
          response.write(`event: message\ndata: ${text}\n\n`)
          if (isAnswer) response.end()
        }
        if (isAnswer && isOnly && opened === null) bridge.child.stdin.end()
      },
    })
    response.on('close', () => {
      if (!response.writableFinished && isOnly && opened === null) bridge.child.stdin.end()
    })
    bridge.child.stdin.write(`${body.replaceAll(/[\r\n]+/g, ' ')}\n`)
  }

  return new Promise((resolve) => {
    shim.listen(0, '127.0.0.1', () => {
      ends.push(
        () => shim.closeAllConnections(),
        () => void shim.close(),
      )
      resolve(`http://127.0.0.1:${shim.address().port}`)
    })
  })
}

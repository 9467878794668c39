import { spawn } from 'node:child_process'
import { Agent, createServer, request } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { newToken } from '../dist/domain/service-key.js'
import { check, figure, spread } from './measure.mjs'

const program = fileURLToPath(new URL('../connect/dist/connect.js', import.meta.url))
const rounds = 9
const callsARound = 500

/**
 * What the bridge adds to a call, one after the other: the same call over HTTP directly and through the bridge, in
 * turns. And its start: from the spawn to the answer to the first request.
 */
export async function benchConnect() {
  const server = createServer((asked, response) => {
    let body = ''
    asked.on('data', (chunk) => (body += chunk))
    asked.on('end', () => {
      const { id } = JSON.parse(body)
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'ok' }] } }),
      )
    })
  })
  await new Promise((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${server.address().port}/mcp`
  const agent = new Agent({ keepAlive: true })
  const results = { start: [], node: [], added: [], direct: [] }
  try {
    for (let round = 0; round <= rounds; round++) {
      const nodeMs = await bareStart()
      const startedMs = performance.now()
      const bridge = startBridge(url)
      await bridge.ask(0)
      const startMs = performance.now() - startedMs
      const direct = await timed((id) => post(url, agent, callOf(id)))
      const through = await timed((id) => bridge.ask(id))
      await bridge.end()
      // The first one warms up.
      if (round === 0) continue
      results.start.push(startMs)
      results.node.push(nodeMs)
      results.direct.push(direct)
      results.added.push(through - direct)
    }
  } finally {
    agent.destroy()
    server.closeAllConnections()
    server.close()
  }
  return [
    figure('bridge, from its start to the first answer', 'ms', results.start, { atMost: 400 }),
    figure('Node, to run an empty program', 'ms', results.node),
    figure('bridge, added to a call, p50', 'ms', results.added, { atMost: 1 }),
    figure('the same call by HTTP, p50', 'ms', results.direct),
  ]
}

const callOf = (id) =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'run', arguments: { a: 1 } } })

/** The median of one round's calls, in milliseconds. */
async function timed(call) {
  const times = []
  for (let id = 1; id <= callsARound; id++) {
    const before = performance.now()
    await call(id)
    times.push(performance.now() - before)
  }
  return spread(times).median
}

function post(url, agent, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const asking = request(url, { method: 'POST', agent, headers }, (response) => {
      let text = ''
      response.on('data', (chunk) => (text += chunk))
      response.on('end', () => resolve(JSON.parse(text)))
    })
    asking.on('error', reject)
    asking.end(body)
  })
}

function startBridge(url) {
  const env = { PATH: process.env.PATH, POSTERN_KEY: newToken('pst') }
  const child = spawn(process.execPath, [program, url], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = new Promise((resolve) => child.once('close', resolve))
  let answered = () => {}
  createInterface(child.stdout).on('line', (line) => answered(JSON.parse(line)))
  return {
    async ask(id) {
      const answer = await new Promise((resolve) => {
        answered = resolve
        child.stdin.write(`${callOf(id)}\n`)
      })
      check(answer.id === id && answer.result !== undefined, 'a call was not answered')
    },
    async end() {
      child.stdin.end()
      check((await closed) === 0, 'the bridge failed')
    },
  }
}

async function bareStart() {
  const before = performance.now()
  const child = spawn(process.execPath, ['-e', '0'])
  await new Promise((resolve) => child.once('close', resolve))
  return performance.now() - before
}
